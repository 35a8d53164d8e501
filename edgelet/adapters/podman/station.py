"""Libpod's refusals as errors of the station of a container's life where they happened."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterator

from edgelet.adapters.podman.errors import LibpodError
from edgelet.api.errors import EngineError

_IN_USE = re.compile(r'name "?(?P<name>[^" ]+)"? is already in use by "?(?P<id>[0-9a-f]{64})')


@contextlib.contextmanager
def station(reason: str, what: str) -> Iterator[None]:
    """Translate LibpodError into EngineError(reason, "cannot <what>: <libpod's words>"); so the host's refusals."""
    try:
        yield
    except LibpodError as error:
        raise EngineError(reason, f"cannot {what}: {error.message}") from error
    except OSError as error:  # out of file descriptors, a card that fails
        raise EngineError(reason, f"cannot {what}: {error}") from error


def is_conflict(error: LibpodError) -> bool:
    """Whether the name is taken. 4.3 answers 409 for pods and 500 for containers."""
    return "in use" in error.message and "name" in error.message


def is_absence(error: LibpodError) -> bool:
    """Whether it vanished while libpod looked at it: then 4.3 answers 500, not 404."""
    return error.cause in ("no such container", "no such pod") or "does not exist in database" in error.message


def holder(error: LibpodError) -> str:
    """Return the id of the container that has the name, "" where the words do not tell."""
    match = _IN_USE.search(error.message)
    return match["id"] if match else ""
