"""The password of a login at a broker, from a file."""

from __future__ import annotations

from pathlib import Path

from edgelet.cli.failure import CliError


def read(path: str) -> str:
    """The content without the end of its line. Raises CliError: the file cannot be read, or is no text."""
    try:
        return Path(path).read_text(encoding="utf-8").rstrip("\r\n")
    except OSError as error:
        raise CliError(f"cannot read the password in {path}: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise CliError(f"cannot read the password in {path}: it is no UTF-8") from error
