"""ports.own_certificate.IdentityLink: the node's bus, and the join listener beside it."""

from __future__ import annotations

import secrets
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

    def __init__(self, bus: MqttBus, files: PemFiles, *, guard_outlive_s: float, listener: JoinListener | None) -> None:
        """`guard_outlive_s`"""
