"""[log]: the agent's own log, to stderr (the journal, under systemd)."""

from __future__ import annotations

from typing import Literal

from edgelet.config.section import Section


class LogSettings(Section):
    """Level and form."""

    level: Literal["debug", "info", "warning", "error"] = "info"
    format: Literal["logfmt", "json"] = "logfmt"
