"""`--dry-run` and `--validate`, as every verb that writes has them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from edgelet.cli.failure import CliError
from edgelet.cli.flags import Flag
from edgelet.cli.verb import Call

DRY_RUN = Flag(
    "dry-run", "none, server (the agent judges, nothing changes) or client.", value="MODE", default="none",
    implied="client",
)  # fmt: skip
VALIDATE = Flag(
    "validate", "Unknown fields: strict (refused), warn, ignore. Default: as the agent is set up.", value="MODE",
    implied="strict",
)  # fmt: skip
FLAGS = (DRY_RUN, VALIDATE)
VALIDATIONS = {
    "strict": "Strict", "true": "Strict", "warn": "Warn", "ignore": "Ignore", "false": "Ignore", "": "",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Plan:
    """What to tell the server, and what to say behind each verdict."""

    query: Mapping[str, str]
    suffix: str = ""
    local: bool = False  # nothing is sent


def plan(call: Call) -> Plan:
    """Read the flags.

    Raises:
        CliError: One has no such value.
    """
    mode = call.parsed.text("dry-run") or "none"
    query: dict[str, str] = {}
    if "validate" in call.parsed.declared:
        validation = call.parsed.text("validate").lower()
        if validation not in VALIDATIONS:
            raise CliError(
                f'invalid --validate option "{validation}"; must be one of: strict (or true), warn, ignore (or false)'
            )
        query = {"fieldValidation": VALIDATIONS[validation]} if VALIDATIONS[validation] else {}
    match mode:
        case "none" | "false":
            return Plan(query)
        case "server":
            return Plan({**query, "dryRun": "All"}, " (server dry run)")
        case "client" | "true":
            return Plan(query, " (dry run)", local=True)
        case _:
            raise CliError(f'Invalid dry-run value ({mode}). Must be "none", "server", or "client".')
