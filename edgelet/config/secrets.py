"""[secrets]: how Secrets are kept on this board, and how they come to it."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from pydantic import AfterValidator, Field

from edgelet.config.section import Section

CREDENTIAL = "credential"


def _path_or_word(value: str) -> str:
    if value not in ("", CREDENTIAL) and not Path(value).is_absolute():
        raise ValueError(f'{value!r} is neither an absolute path nor "{CREDENTIAL}"')
    return value


class SecretSettings(Section):
    """The node key encrypts Secrets in the database; the sealing keys open those that come sealed."""

    # A file, made at first start; "" is secrets/node.key in [paths] state; "credential": systemd's edgelet.node-key
    node_key: Annotated[str, AfterValidator(_path_or_word)] = ""
    allow_plain: bool = False  # plain Secrets over MQTT although signatures are required; without them: no warning
    sealing_keys: int = Field(default=4, ge=1, le=32)  # the newest, and older ones that still open
