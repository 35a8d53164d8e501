"""[identity]: how the board keeps its own certificate good."""

from __future__ import annotations

from typing import Annotated

from pydantic import AfterValidator, Field

from edgelet.config.mqtt import broker_url
from edgelet.config.paths import AbsolutePath
from edgelet.config.section import Section


def _encrypted(value: str) -> str:
    if value and not value.startswith("mqtts://"):
        raise ValueError(f"{value!r}: mqtts://HOST[:PORT] expected, the password would be readable on the way")
    return broker_url(value)


class IdentitySettings(Section):
    """Of use where [mqtt] has a client_cert. Fractions are of the certificate's life."""

    renew: bool = True  # false: somebody else puts new files there
    renew_from: float = Field(default=0.7, ge=0.1, le=0.95)
    renew_to: float = Field(default=0.9, ge=0.1, le=0.95)
    longest_offline_d: float = Field(default=2.0, ge=0.0, le=3650.0)  # the new one is there three times that ahead
    join_url: Annotated[str, AfterValidator(_encrypted)] = ""  # where an expired certificate is renewed
    user: str = ""
    password_file: AbsolutePath | None = None  # one line
    answer_s: float = Field(default=60.0, ge=1.0, le=3600.0)  # so long the registrar is waited for
    retry_min_s: float = Field(default=60.0, ge=1.0, le=86400.0)
    retry_max_s: float = Field(default=6 * 3600.0, ge=1.0, le=7 * 86400.0)
