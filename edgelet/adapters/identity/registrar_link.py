"""ports.own_certificate.IdentityLink: the node's bus, and the join listener beside it."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from dataclasses import dataclass

from edgelet.adapters.identity.files import PemFiles
from edgelet.adapters.mqtt import exchange
from edgelet.adapters.mqtt.address import Address
from edgelet.adapters.mqtt.bus import MqttBus
from edgelet.adapters.mqtt.endpoint import Endpoint
from edgelet.adapters.mqtt.tls_files import TlsFiles
from edgelet.api import enrolment_topics
from edgelet.api.errors import BusError
from edgelet.ports.own_certificate import RegistrarQuestion

_CLIENT_BYTES = 16


@dataclass(frozen=True, slots=True, kw_only=True)
class JoinListener:
    """Where one needs no certificate."""

    address: Address
    prefix: str
    authorities: str  # file
    user: str = ""
    password_file: str = ""


class RegistrarLink:
    """The ways to the registrar."""

    def __init__(
        self, bus: MqttBus, files: PemFiles, *, listener: JoinListener | None, high_water_s: Callable[[], float]
    ) -> None:
        """`high_water_s`: Unix seconds that true time is not below. At the join listener no other clock is believed.

        There one asks for the time, too, and the answer is believed for its signature.
        """
        self._bus = bus
        self._files = files
        self._listener = listener
        self._high_water_s = high_water_s

    @property
    def connected(self) -> bool:
        return self._bus.connected

    async def send(self, question: RegistrarQuestion) -> None:
        """See ports.own_certificate."""
        await self._bus.publish(enrolment_topics.renewal_request(question.nonce), question.payload)

    async def ask_at_join_listener(self, question: RegistrarQuestion, *, timeout_s: float) -> bytes:
        """See ports.own_certificate."""
        listener = self._listener
        if listener is None:
            raise BusError("CertificateExpired", "cannot ask without a certificate: [identity] join_url is not set")
        client = secrets.token_hex(_CLIENT_BYTES)
        topic = enrolment_topics.bootstrap_request(listener.prefix, client)
        endpoint = Endpoint(
            address=listener.address,
            client_id=client,
            root=topic.removesuffix("csr"),
            username=listener.user,
            password_file=listener.password_file,
            files=TlsFiles(ca=listener.authorities),
            session_expiry_s=0,
            outlive_s=self._high_water_s,
            revoked=self._files.known_revocations,
        )
        return await exchange.ask(endpoint, question.payload, timeout_s=timeout_s)

    async def take_up_pair(self) -> None:
        """See ports.own_certificate."""
        await self._bus.take_up(self._files.staged_pair)

    async def try_authorities(self) -> None:
        """See ports.own_certificate."""
        await self._bus.try_files(self._files.staged_authorities)

    def judge_again(self) -> None:
        """See ports.own_certificate."""
        self._bus.judge_again()

    def hurry(self) -> None:
        """See ports.own_certificate."""
        self._bus.hurry()
