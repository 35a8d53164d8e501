"""Everything one needs to know to connect: where, as whom, with which limits."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from edgelet.adapters.mqtt.address import Address
from edgelet.adapters.mqtt.tls_files import TlsFiles
from edgelet.api.errors import BusError

if TYPE_CHECKING:
    import ssl

    from edgelet.api.revocations import Revocations  # a plain link does without


def _nothing() -> None:
    """Check nothing."""


def _system_clock() -> float | None:
    """Have dates judged by the system's clock."""
    return None


def client_id(tenant: str, node: str) -> str:
    """Return the MQTT client id of a node; a broker with use_username_as_clientid puts the certificate's CN instead.

    The underscore can be in neither name: with a dash a-b/c and a/b-c would throw each other out.
    """
    return f"edgelet-{tenant}_{node}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Endpoint:
    """The broker as this node uses it. `root` ends with a slash: edgelet/v1/default/pi-01/."""

    address: Address
    client_id: str
    root: str
    username: str = ""
    password_file: str = ""  # one line; read at each connection
    files: TlsFiles = field(default_factory=TlsFiles)
    keepalive_s: int = 180
    session_expiry_s: int = 7 * 24 * 3600
    receive_maximum: int = 20
    # A broker drops what is larger without a word to anybody (measured; mosquitto_pub even reports success), so this is
    # far above the bound on objects: what lies between the two is refused with a Status.
    maximum_packet_bytes: int = 2 * 1024 * 1024
    connect_timeout_s: float = 10.0
    check: Callable[[], None] = _nothing  # looks at the own certificate before each connection; raises BusError
    outlive_s: Callable[[], float | None] = _system_clock  # see tls.make_context: asked before each connection
    revoked: Callable[[], Revocations | None] = _nothing  # asked before each connection; None: nothing is

    def password(self) -> str | None:
        """Read the password.

        Raises:
            BusError: InvalidConfiguration, the file cannot be read.
        """
        if not self.password_file:
            return None
        try:
            return Path(self.password_file).read_text(encoding="utf-8").rstrip("\r\n")
        except (OSError, UnicodeDecodeError) as error:
            words = getattr(error, "strerror", None) or error
            raise BusError("InvalidConfiguration", f"cannot read {self.password_file}: {words}") from error

    def tls_context(self) -> ssl.SSLContext:
        """Load the certificates anew. Raises BusError (CertificateInvalid)."""
        from edgelet.adapters.mqtt import tls  # noqa: PLC0415  OpenSSL: 5 MB that a plain link does without

        return tls.make_context(self.files, outlive_s=self.outlive_s(), revoked=self.revoked())
