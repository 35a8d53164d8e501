"""`config check`: are these settings good?"""

from __future__ import annotations

from pathlib import Path

from edgelet.cli.failure import CliError, UsageError
from edgelet.cli.flags import Flag
from edgelet.cli.verb import Call, Verb

DEFAULT = "/etc/edgelet/edgelet.toml"

VERB = Verb(
    usage="config check [--config FILE]",
    about="Judge a settings file together with the EDGELET_... variables, and the policy; every fault is named.",
    examples="""
edgelet config check
edgelet config check --config ./edgelet.toml""",
    flags=(Flag("config", "The settings, TOML.", value="FILE", default=DEFAULT),),
)


def run(call: Call) -> int:
    """Judge the settings; 1 and every fault on stderr if they are not good."""
    if call.arguments[:1] != ("check",):
        raise UsageError(f"unknown command: config {' '.join(call.arguments)}".rstrip() + "; there is `config check`")
    if call.arguments != ("check",):
        raise UsageError(f"unexpected arguments: {' '.join(call.arguments[1:])}; the settings are given with --config")
    from edgelet.api.errors import EdgeletError  # noqa: PLC0415  pydantic comes with the settings
    from edgelet.config import load, policy_file  # noqa: PLC0415  pydantic comes with the settings

    path = Path(call.parsed.text("config"))
    try:
        policy_file.load(load.load(path, call.environ).admission.policy)
    except load.SettingsError as error:
        lines = "\n".join(f"  {fault}" for fault in error.faults)
        raise CliError(f"{path}: {len(error.faults)} fault(s)\n{lines}") from error
    except EdgeletError as error:
        raise CliError(error.message) from error
    print(f"{path}: good")
    return 0
