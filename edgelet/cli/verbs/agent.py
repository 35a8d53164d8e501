"""`agent`: the daemon itself."""

from __future__ import annotations

from pathlib import Path

from edgelet.api.errors import EdgeletError
from edgelet.cli.failure import CliError
from edgelet.cli.flags import Flag
from edgelet.cli.verb import Call, Verb

VERB = Verb(
    usage="agent [--config FILE] [--check]",
    about="Run the agent in the foreground until SIGTERM, which leaves the pods running. SIGHUP reloads the settings.",
    examples="""
edgelet agent --config /etc/edgelet/edgelet.toml
edgelet agent --config /etc/edgelet/edgelet.toml --check""",
    flags=(
        Flag("config", "The settings, TOML. Without: defaults and EDGELET_... variables.", value="FILE"),
        Flag("check", "Judge the settings and end."),
    ),
)


def run(call: Call) -> int:
    """Run the agent; returns its exit code."""
    call.no_arguments()
    from edgelet.agent import main  # noqa: PLC0415  the whole agent, for this verb alone

    path = call.parsed.text("config")
    try:
        return main.run(Path(path) if path else None, check=call.parsed.switch("check"))
    except EdgeletError as error:
        raise CliError(error.message) from error
