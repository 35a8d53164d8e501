"""Where certificates and keys lie. Apart from `tls`, which needs OpenSSL: a board without TLS does not load that."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class TlsFiles:
    """Paths of PEM files. "" for `ca`: the system's authorities; "" for the pair: no client certificate."""

    ca: str = ""
    certificate: str = ""
    key: str = ""
