"""Rules for paths inside volumes: relative, and never upwards."""

from __future__ import annotations

from collections.abc import Iterator

from edgelet.api.errors import FieldError
from edgelet.intake import faults


def check(path: str, where: str) -> Iterator[FieldError]:
    """Check a path of a file that is made in a volume: not empty, not starting with two dots."""
    if not path:
        yield faults.required(where)
        return
    yield from check_inner(path, where)
    if path.startswith("..") and path != ".." and not path.startswith("../"):
        yield faults.invalid(where, path, "must not start with '..'")


def check_inner(path: str, where: str) -> Iterator[FieldError]:
    """Check a path inside a volume."""
    if path.startswith("/"):
        yield faults.invalid(where, path, "must be a relative path")
    yield from check_downward(path, where)


def check_downward(path: str, where: str) -> Iterator[FieldError]:
    """Check that no part of a path is '..'."""
    if ".." in path.split("/"):
        yield faults.invalid(where, path, "must not contain '..'")
