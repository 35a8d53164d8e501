"""The words behind `edgelet ca VERB`."""

from __future__ import annotations

from pathlib import Path

from edgelet.api import topic_prefix
from edgelet.cli.failure import CliError, UsageError
from edgelet.cli.verb import Call

_MOST_DAYS = 36_500  # no certificate outlives its issuer, whatever is asked for


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
    if not 1 <= asked <= _MOST_DAYS:
        raise CliError(f"--days must be in 1..{_MOST_DAYS}")
    return float(asked)


def prefix(call: Call) -> str:
    """The root of all topics. Raises CliError: in an access list a wildcard would open what is not ours."""
    given = call.parsed.text("prefix")
    if fault := topic_prefix.fault(given):
        raise CliError(f"--prefix {fault}")
    return given
