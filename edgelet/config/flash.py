"""[flash]: how much may be written to the board's card."""

from __future__ import annotations

from pydantic import Field

from edgelet.config.section import Section


class FlashSettings(Section):
    """A budget, not a bound: beyond it the node says so, and goes on."""

    write_budget_mb_per_day: int = Field(default=20, ge=0)  # by agent and engine, not by the pods; 0: none
