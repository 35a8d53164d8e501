"""The index of a node as its signer knows it: on the broker, and in a file of the signer's own.

The file is what keeps a broker that shows an old index from having that signed anew.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path

from edgelet.api import desired_index
from edgelet.api.desired_index import Index, Version
from edgelet.api.errors import EdgeletError
from edgelet.cli.failure import CliError
from edgelet.intake import envelope
from edgelet.ports.bus import Message

_PAYLOAD_LIMIT_BYTES = 1024 * 1024


@dataclass(frozen=True, slots=True)
class Change:
    """What the next index says otherwise than the present one."""

    objects: Mapping[str, str]  # path -> digest of what is new or changed
    removed: frozenset[str] = frozenset()
    keys: Mapping[str, bytes] | None = None


def default_file(environ: Mapping[str, str], root: str) -> Path:
    """Return where the newest index of a node is kept if nobody says otherwise."""
    state = environ.get("XDG_STATE_HOME") or f"{environ.get('HOME', '/root')}/.local/state"
    return Path(state) / "edgelet" / "index" / f"{root.replace('/', '_')}.json"


def on_broker(
    found: Message | None, *, topic: str, keys: Mapping[str, bytes], verify: Callable[[bytes, bytes, bytes], bool]
) -> Index | None:
    """Read the index that the broker shows, if one of our own keys signed it.

    Raises:
        CliError: Somebody else did.
    """
    if found is None:
        return None
    try:
        opened = envelope.opened(found, topic=topic, keys=keys, verify=verify, limit_bytes=_PAYLOAD_LIMIT_BYTES)
        return desired_index.parse(opened.payload)
    except EdgeletError as error:
        raise CliError(f"the index on the broker is not yours, so it is not signed anew: {error.message}") from error


def in_file(path: Path) -> Index | None:
    """Read what was signed last. Raises CliError."""
    try:
        return desired_index.parse(path.read_bytes())
    except FileNotFoundError:
        return None
    except OSError as error:
        raise CliError(f"cannot read {path}: {error.strerror}") from error
    except EdgeletError as error:
        raise CliError(f"{path}: {error.message}") from error


def check_kept(path: Path) -> None:
    """See, before anything is said or sent, that the index can be kept there: a file beside it is made and removed.

    What this cannot know is whether the disk has room later; `keep` comes before the first message for that.

    Raises:
        CliError: It cannot.
    """
    tried = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        os.close(os.open(tried, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600))
        tried.unlink()
    except OSError as error:
        raise CliError(f"cannot keep the index in {path}, so nothing is signed: {error.strerror}") from error


def keep(path: Path, index: Index) -> None:
    """Write what is about to be published. Raises CliError."""
    fresh = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        with open(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:  # noqa: PTH123  its rights
            file.write(desired_index.encode(index))
            file.flush()
            os.fsync(file.fileno())
        fresh.replace(path)
    except OSError as error:
        raise CliError(f"cannot keep the index in {path}: {error.strerror}") from error


def newest(broker: Index | None, file: Index | None) -> Index | None:
    """Return the index to go on from: a broker may show an old one, or none."""
    found = [one for one in (broker, file) if one is not None]
    return max(found, key=lambda one: one.version, default=None)


def following(before: Index | None, change: Change, *, now: datetime, life: timedelta, epoch: int | None) -> Index:
    """Return the next index.

    Args:
        before: The present one; None: there is none.
        change: What it says otherwise.
        now: By the signer's clock.
        life: Until it expires.
        epoch: A new epoch, of a signer that lost count; None: the present one.

    Raises:
        CliError: The epoch goes back.
    """
    if before is None:
        version = Version(1 if epoch is None else epoch, 1)
        before = Index(version, now, now, {})
    elif epoch is None or epoch == before.version.epoch:
        version = replace(before.version, generation=before.version.generation + 1)
    elif epoch > before.version.epoch:
        version = Version(epoch, 1)
    else:
        raise CliError(f"--epoch {epoch} is less than {before.version.epoch}: no node would take it")
    objects = {path: digest for path, digest in before.objects.items() if path not in change.removed}
    return Index(
        version=version,
        issued=now,
        expires=now + life,
        objects={**objects, **change.objects},
        keys=change.keys if change.keys is not None else before.keys,
    )
