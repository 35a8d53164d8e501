"""The agent's directories: made at start, and only used if they are ours.

Another project of the same name uses the same places; what it left there is never written into.
"""

from __future__ import annotations

from pathlib import Path

from edgelet.api.errors import EdgeletError
from edgelet.config.settings import Settings

_MARK = ".edgelet-agent"  # in every directory that is ours
_MARK_TEXT = "This directory belongs to the edgelet agent (Kubernetes Pods through Podman).\n"
_HARMLESS = frozenset(
    {_MARK, "lost+found", "manifests", "edgelet.toml", "secrets", "tls"}
)  # what an installation may bring


def prepare(settings: Settings) -> None:
    """Make state, run, volumes and logs directories.

    Raises:
        EdgeletError: NotOurs where a directory holds things of somebody else; CannotPrepare where the disk refuses.
    """
    paths = settings.paths
    for path, mode in ((paths.state, 0o711), (paths.run, 0o711)):
        _claim(path, mode)
    for path, mode in ((paths.volumes, 0o711), (paths.logs, 0o755)):
        _make(path, mode)


def _claim(path: Path, mode: int) -> None:
    _make(path, mode)
    mark = path / _MARK
    if mark.exists():
        return
    strangers = sorted(name for name in _names(path) if name not in _HARMLESS)
    if strangers:
        raise EdgeletError(
            "NotOurs",
            f"cannot use {path}: it holds {', '.join(strangers[:3])}, which this agent did not make; another program "
            "called edgelet may own it. Choose other directories in [paths], or empty it",
        )
    try:
        mark.write_text(_MARK_TEXT, encoding="utf-8")
    except OSError as error:
        raise _refused(path, error) from error


def _make(path: Path, mode: int) -> None:
    try:
        path.mkdir(mode=mode, parents=True, exist_ok=True)
    except OSError as error:
        raise _refused(path, error) from error


def _names(path: Path) -> list[str]:
    try:
        return [entry.name for entry in path.iterdir()]
    except OSError as error:
        raise _refused(path, error) from error


def _refused(path: Path, error: OSError) -> EdgeletError:
    return EdgeletError("CannotPrepare", f"cannot prepare {path}: {error.strerror}")
