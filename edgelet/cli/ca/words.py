"""The words behind `edgelet ca VERB`."""

from __future__ import annotations

from pathlib import Path

from edgelet.cli.failure import CliError, UsageError
from edgelet.cli.verb import Call


def one(call: Call, what: str) -> str:
    """Exactly one word. Raises UsageError."""
    if len(call.arguments) != 2:  # noqa: PLR2004  the verb and its word
        raise UsageError(f"ca {call.arguments[0]} needs exactly one {what}, got {len(call.arguments) - 1}")
    return call.arguments[1]


def none(call: Call) -> None:
    """No further word. Raises UsageError."""
    if len(call.arguments) != 1:
        raise UsageError(f"unexpected arguments: {' '.join(call.arguments[1:])}")


def out(call: Call) -> Path:
    """The directory to write to. Raises UsageError where none was given."""
    given = call.parsed.text("out")
    if not given:
        raise UsageError(f"ca {call.arguments[0]} needs --out DIR")
    return Path(given).expanduser().absolute()


def days(call: Call) -> float | None:
    """How long a certificate shall be good; None where nothing was said. Raises CliError."""
    if not call.parsed.given("days"):
        return None
    asked = call.parsed.integer("days")
    if asked < 1:
        raise CliError("--days must be 1 or more")
    return float(asked)
