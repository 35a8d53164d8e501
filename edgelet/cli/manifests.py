"""Objects from files, directories and standard input, in the same strict YAML that the agent reads elsewhere."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from edgelet.api.errors import EdgeletError
from edgelet.cli import resources
from edgelet.cli.failure import CliError, UsageError
from edgelet.cli.resources import Resource
from edgelet.cli.verb import Call
from edgelet.intake import decode

SUFFIXES = frozenset({".json", ".yaml", ".yml"})
MAXIMUM_FILE_BYTES = 16 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Manifest:
    """One object and where it came from. Its namespace is filled in."""

    source: str  # a path, or STDIN
    resource: Resource
    document: dict[str, Any]

    @property
    def name(self) -> str:
        """The object's name."""
        return str(self.document["metadata"]["name"])

    @property
    def namespace(self) -> str:
        """Empty for cluster-scoped types."""
        return str(self.document["metadata"].get("namespace", "")) if self.resource.namespaced else ""


def read(call: Call) -> Iterator[Manifest | CliError]:
    """The objects of `-f`, in order; what cannot be read stands as an error in its place.

    Raises:
        UsageError: No file was named.
    """
    paths = call.parsed.texts("filename")
    if not paths:
        raise UsageError("must specify one of -f")
    for path in paths:
        yield from _path(path, call)


def _path(path: str, call: Call) -> Iterator[Manifest | CliError]:
    try:
        if path == "-":
            yield from _objects(sys.stdin.buffer.read(MAXIMUM_FILE_BYTES + 1), "STDIN", call)
            return
        for file in _files(path, recursive=call.parsed.switch("recursive")):
            with file.open("rb") as opened:
                content = opened.read(MAXIMUM_FILE_BYTES + 1)
            if str(file) != path and _says_nothing(content):
                continue  # of many files one may be commented out
            yield from _objects(content, str(file), call)
    except OSError as error:
        yield CliError(f"error reading {error.filename or path}: {error.strerror}")
    except CliError as error:
        yield error


def _files(named: str, *, recursive: bool) -> Sequence[Path]:
    if named.startswith(("http:", "https:")):
        raise CliError(f"cannot read {named}: fetch it first (curl -sf URL | edgelet apply -f -)")
    path = Path(named)
    if not path.exists():
        raise CliError(f'the path "{path}" does not exist')
    if not path.is_dir():
        return (path,)
    found = sorted(_below(path) if recursive else path.iterdir())
    files = [file for file in found if file.suffix in SUFFIXES and file.is_file()]
    if not files:
        raise CliError(f"error reading [{path}]: recognized file extensions are [.json .yaml .yml]")
    return files


def _below(path: Path) -> Iterator[Path]:
    """All files below a directory. Raises OSError where a part of it cannot be read: it would be left out silently."""
    for folder, _, names in os.walk(path, onerror=_refuse):
        yield from (Path(folder, name) for name in names)


def _refuse(error: OSError) -> None:
    raise error


def _says_nothing(content: bytes) -> bool:
    lines = (line.strip() for line in content.splitlines())
    return all(not line or line.startswith(b"#") or line == b"---" for line in lines)


def _objects(content: bytes, source: str, call: Call) -> Iterator[Manifest | CliError]:
    try:
        documents = decode.documents(content, limit_bytes=MAXIMUM_FILE_BYTES)
    except EdgeletError as error:
        yield CliError(f"error parsing {source}: {error.message}")
        return
    for document in documents:
        try:
            yield _manifest(document, source, call)
        except CliError as error:
            yield error


def _manifest(document: dict[str, Any], source: str, call: Call) -> Manifest:
    resource = resources.of(document, source=source)
    metadata = document.get("metadata")
    if not isinstance(metadata, dict) or not isinstance(metadata.get("name"), str) or not metadata["name"]:
        raise CliError(f'error in "{source}": {resource.kind}: metadata.name: Required value')
    if not resource.namespaced:
        return Manifest(source, resource, document)
    stated = metadata.get("namespace")
    if stated and call.parsed.given("namespace") and stated != call.namespace:
        raise CliError(
            f'the namespace from the provided object "{stated}" does not match the namespace "{call.namespace}". '
            f"You must pass '--namespace={stated}' to perform this operation."
        )
    return Manifest(source, resource, {**document, "metadata": {**metadata, "namespace": stated or call.namespace}})
