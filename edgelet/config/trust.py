"""[trust]: whom this board believes."""

from __future__ import annotations

from pydantic import Field

from edgelet.config.paths import AbsolutePath
from edgelet.config.section import Section


class TrustSettings(Section):
    """With require_signature nothing from the broker is looked at before its signature held."""

    require_signature: bool = False
    signing_keys: AbsolutePath | None = None  # a directory of public keys, *.pem, Ed25519
    waiting_bytes: int = Field(default=4 * 1024 * 1024, ge=65536)  # signed payloads that no index names yet, in memory
