"""Where `cp` copies from and to: `PATH`, `POD:PATH`, `NAMESPACE/POD:PATH`."""

from __future__ import annotations

import posixpath
from dataclasses import dataclass

from edgelet.cli.failure import CliError

_LONGEST = 2  # namespace and pod


@dataclass(frozen=True, slots=True)
class Place:
    """A file or directory; with no pod it is here."""

    path: str
    pod: str = ""
    namespace: str = ""  # "" = the command's


def parse(text: str) -> Place:
    """Read one place.

    Raises:
        CliError: It is none, in kubectl's words.
    """
    before, colon, path = text.partition(":")
    parts = before.split("/")
    if not colon or text.startswith(("./", "/", "../")):  # also a file here whose name has a colon
        return Place(text)
    if not all(parts) or len(parts) > _LONGEST:
        raise CliError("filespec must match the canonical format: [[namespace/]pod:]file/path")
    return Place(path, pod=parts[-1], namespace=parts[0] if len(parts) == _LONGEST else "")


def pair(source: str, target: str) -> tuple[Place, Place]:
    """Read both; exactly one of them is in a pod.

    Raises:
        CliError: Neither is, or both.
    """
    found = parse(source), parse(target)
    inside = sum(1 for place in found if place.pod)
    if inside == 0:
        raise CliError("one of src or dest must be a remote file specification")
    if inside == len(found):
        raise CliError("one of src or dest must be a local file specification")
    if not found[0].path or not found[1].path:
        raise CliError("filepath can not be empty")
    return found


def archived(path: str) -> str:
    """Return the name with which `tar cf - PATH` begins all it packs: no leading slash, no way up."""
    return "/".join(part for part in posixpath.normpath(path).split("/") if part not in {"", ".", ".."})
