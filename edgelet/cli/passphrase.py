"""The passphrase of a signing key, from a file."""

from __future__ import annotations

import os
from pathlib import Path

from edgelet.cli.failure import CliError


def read(path: str) -> bytes | None:
    """The content without the end of its line; None where no file is named.

    Raises:
        CliError: The file cannot be read, or is empty: a key would be written without a passphrase.
    """
    if not path:
        return None
    try:
        found = Path(path).read_bytes().rstrip(b"\r\n")
    except OSError as error:
        raise CliError(f"cannot read the passphrase in {path}: {os.strerror(error.errno or 0)}") from error
    if not found:
        raise CliError(f"{path} has no passphrase in it")
    return found
