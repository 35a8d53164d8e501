"""The agent's directories: made at start, and only used if they are ours.

Another project of the same name uses the same places; what it left there is never written into.
"""

from __future__ import annotations

import logging
import shutil
from pathlib import Path

from edgelet.adapters.host import mounts
from edgelet.api.errors import EdgeletError
from edgelet.config.settings import Settings

log = logging.getLogger(__name__)

_SHADOW = "state"  # in the run directory
# What a life on a copy can do without: places for pulls, databases moved aside, what pods wrote.
_NOT_COPIED = ("podman", ".edgelet-reserve", "*.damaged-*", "pods", "lost+found")
_MARK = ".edgelet-agent"  # in every directory that is ours
_MARK_TEXT = "This directory belongs to the edgelet agent (Kubernetes Pods through Podman).\n"
_HARMLESS = frozenset(
    {_MARK, "lost+found", "manifests", "edgelet.toml", "secrets", "tls"}
)  # what an installation may bring


def prepare(settings: Settings) -> Settings:
    """Make state, run, volumes and logs directories; return the settings with those to be used.

    Those are others only where the state directory is read-only: then it is a copy on tmpfs, so that the board can say
    what ails it. `is_shadow` tells.

    Raises:
        EdgeletError: NotOurs where a directory holds things of somebody else; CannotPrepare where the disk refuses.
    """
    paths = settings.paths
    for path, mode in ((paths.state, 0o711), (paths.run, 0o711)):
        _claim(path, mode)
    for path, mode in ((paths.volumes, 0o711), (paths.logs, 0o755)):
        _make(path, mode)
    shadow = paths.run / _SHADOW
    try:
        shutil.rmtree(shadow, ignore_errors=True)
        if not mounts.is_read_only(str(paths.state)):
            return settings
        shutil.copytree(paths.state, shadow, symlinks=True, ignore=shutil.ignore_patterns(*_NOT_COPIED))
    except OSError as error:  # shutil.Error too
        raise EdgeletError("CannotPrepare", f"cannot copy the read-only {paths.state} to {shadow}: {error}") from error
    log.warning("the state directory is read-only: nothing new is kept", extra={"path": str(paths.state)})
    return settings.model_copy(update={"paths": paths.model_copy(update={"state": shadow})})


def is_shadow(settings: Settings) -> bool:
    """Whether these settings name a copy of the state directory."""
    return settings.paths.state == settings.paths.run / _SHADOW


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
