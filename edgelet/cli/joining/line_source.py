"""Where a join line is read from, and how its file is made to hold it no longer."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from pathlib import Path

from edgelet.adapters.host import durable_file
from edgelet.api import join_line
from edgelet.api.errors import EdgeletError
from edgelet.api.join_line import JoinLine
from edgelet.cli.failure import CliError

_MOST_BYTES = 64 * 1024


def of_argument(word: str) -> JoinLine:
    """The line of a command line; `-` is standard input, where other users of the board do not see it."""
    if word == "-":
        return _decode(sys.stdin.read(_MOST_BYTES))
    return _decode(word)


def of_file(path: Path) -> JoinLine:
    """The line of a file; lines that begin with # are comments."""
    try:
        text = durable_file.read(path, most_bytes=_MOST_BYTES).decode("utf-8", "replace")
    except EdgeletError as error:
        raise CliError(error.message) from error
    lines = (line for line in text.splitlines() if not line.lstrip().startswith("#"))
    return _decode("\n".join(lines), where=f"{path}: ")


def first(paths: Sequence[str]) -> Path | None:
    """The first of these files that is there. Raises CliError where it is a directory or the like, or not ours."""
    found = next((Path(path) for path in paths if _exists(Path(path))), None)
    if found is not None and not found.is_file():
        raise CliError(f"cannot read the join line in {found}: it is no file")
    return found


def blank(path: Path) -> str:
    """Overwrite and remove a file that holds a line; returns what came of it, in words."""
    try:
        with path.open("r+b") as stream:
            stream.write(bytes(path.stat().st_size))
            stream.flush()
            os.fsync(stream.fileno())
        path.unlink()
        durable_file.sync_directory(path.parent)
    except OSError as error:
        return f"remove {path} yourself, it holds the join line: {error.strerror or error}"
    return f"{path} is removed"


def _exists(path: Path) -> bool:
    try:
        return path.exists()
    except OSError as error:  # a directory above it that is not ours to look into
        raise CliError(f"cannot read the join line in {path}: {error.strerror or error}") from error


def _decode(text: str, *, where: str = "") -> JoinLine:
    try:
        return join_line.decode(text)
    except EdgeletError as error:
        raise CliError(f"{where}{error.message}", exit_code=2) from error
