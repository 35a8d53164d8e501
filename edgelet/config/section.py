"""What every section of the settings shares: frozen, no unknown keys, the default stands beside the name."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict


class Section(BaseModel):
    """One table of edgelet.toml."""

    model_config = ConfigDict(frozen=True, extra="forbid", validate_default=True)
