"""The authority that a call means, opened."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from edgelet.ca import outlook, revocation_lists
from edgelet.ca.authority import Authority
from edgelet.cli.ca import warning
from edgelet.cli.failure import CliError
from edgelet.cli.verb import Call

DIRECTORY_VARIABLE = "EDGELET_CA_DIR"
_MOST_BYTES = 4096


def directory(call: Call) -> Path:
    """Where it lies: --dir, $EDGELET_CA_DIR, or the default."""
    given = call.parsed.text("dir") if call.parsed.given("dir") else call.environ.get(DIRECTORY_VARIABLE)
    return Path(given or call.parsed.text("dir")).expanduser().absolute()


def passphrase(call: Call) -> bytes | None:
    """The first line of --passphrase-file; None where none was given.

    Raises:
        CliError: The file cannot be read, or is empty.
    """
    name = call.parsed.text("passphrase-file")
    if not name:
        return None
    if name.startswith("pkcs11:"):
        raise CliError("keys in a PKCS#11 token are not supported: see docs/CERTIFICATES.md for authorities that do")
    try:
        with Path(name).expanduser().open("rb") as stream:
            line = stream.read(_MOST_BYTES).split(b"\n", 1)[0].rstrip(b"\r")
    except OSError as error:
        raise CliError(f"cannot read {name}: {error.strerror or error}") from error
    if not line:
        raise CliError(f"{name} has no passphrase in its first line")
    return line


@contextmanager
def opened(call: Call) -> Iterator[Authority]:
    """The authority; what it refuses is told by its caller, `edgelet ca`."""
    with Authority.open(directory(call), passphrase=passphrase(call)) as authority:
        authority.issuers.required()
        authority.issuers.check_newest()
        yield authority


@contextmanager
def opened_for_writing(call: Call) -> Iterator[Authority]:
    """The same, with its revocation lists made anew where they are due; what could not be, or ends soon, is told."""
    with opened(call) as authority:
        for problem in (*revocation_lists.refresh(authority), *outlook.soon(authority)):
            warning.tell(problem)
        yield authority
