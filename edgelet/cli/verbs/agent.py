"""`agent`: the daemon itself."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

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
    """Whether the settings name a broker or a listener with TLS; settings that cannot be read are judged elsewhere."""
    import tomllib  # noqa: PLC0415

    tables: dict[str, Any] = {}
    if config is not None:
        with contextlib.suppress(OSError, ValueError):
            tables = tomllib.loads(config.read_text(encoding="utf-8"))

    def setting(table: str, key: str) -> str:
        found = tables.get(table)
        written = found.get(key) if isinstance(found, dict) else None
        return str(environ.get(f"EDGELET_{table}_{key}".upper(), written or ""))

    return setting("mqtt", "url").lower().startswith("mqtts") or bool(setting("api", "tcp_listen"))
