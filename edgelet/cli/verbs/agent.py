"""`agent`: the daemon itself."""

from __future__ import annotations

from collections.abc import Mapping
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
    path = Path(text) if (text := call.parsed.text("config")) else None
    from edgelet.agent import deferred_modules  # noqa: PLC0415

    deferred_modules.install(tls=uses_tls(path, call.environ))
    from edgelet.agent import main  # noqa: PLC0415  the whole agent, for this verb alone

    try:
        return main.run(path, check=call.parsed.switch("check"))
    except EdgeletError as error:
        raise CliError(error.message) from error


def uses_tls(config: Path | None, environ: Mapping[str, str]) -> bool:
    """Whether the settings name a broker behind TLS; settings that cannot be read are judged elsewhere."""
    import tomllib  # noqa: PLC0415

    url = environ.get("EDGELET_MQTT_URL")
    if url is None and config is not None:
        try:
            url = tomllib.loads(config.read_text(encoding="utf-8"))["mqtt"]["url"]
        except (OSError, ValueError, KeyError, TypeError):
            url = None
    return str(url or "").lower().startswith("mqtts")
