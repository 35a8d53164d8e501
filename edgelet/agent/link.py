"""The broker's side of the agent: from the broker to the store, and from the store to the broker."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from edgelet.adapters.mqtt import address, bus, endpoint
from edgelet.adapters.mqtt.bus import MqttBus
from edgelet.adapters.mqtt.endpoint import Endpoint
from edgelet.adapters.mqtt.tls_files import TlsFiles
from edgelet.agent import link_safety
from edgelet.agent.pod_path import Foundation
from edgelet.config.settings import Settings
from edgelet.intake import mqtt_source, refusal
from edgelet.intake.mqtt_source import Listeners, MqttSource
from edgelet.intake.reception import Reception
from edgelet.node.reporter import Reporter, Rhythm
from edgelet.ports.bus import BusEvent, Message, Synced

if TYPE_CHECKING:
    from edgelet.agent.identity import Identity
    from edgelet.identity.renewal import Renewal
    from edgelet.intake.signed_messages import SignedMessages


@dataclass(frozen=True, slots=True, kw_only=True)
class Link:
    """The broker's side: in, out, and the line itself."""

    bus: MqttBus
    source: MqttSource
    reporter: Reporter
    renewal: Renewal | None  # where the board has a certificate


def make(base: Foundation, reception: Reception, *, boot_id: str, unsure: bool) -> Link:
    """From the broker to the store, and from the store to the broker. `unsure`: the store may lack its last writes."""
    mqtt = base.settings.mqtt
    guarded = _guarded(base)
    line = MqttBus(
        _endpoint(base.settings, guarded),
        clock=base.clock,
        chance=random.random,
        reconnect_max_s=mqtt.reconnect_max_s,
        inbox_messages=mqtt.inbox_messages,
        subscriptions=(*bus.SUBSCRIPTIONS, "cert/issued/#") if mqtt.client_cert else bus.SUBSCRIPTIONS,
    )
    renewal = guarded.make_renewal(base, line) if guarded else None
    if guarded is not None:
        base.board.identity = guarded.seen(renewal)
        base.board.certificate = guarded.kept(renewal)
    reporter = Reporter(
        line,
        store=base.store,
        ledger=base.store.ledger,
        clock=base.clock,
        boot_id=boot_id,
        node_name=base.board.name,
        node=base.board.document,
        describe=lambda error: refusal.answer(error)[1],
        events=base.events,
        rhythm=Rhythm(
            status_interval_s=mqtt.status_interval_s,
            node_interval_s=mqtt.node_interval_s,
            will_delay_s=mqtt.will_delay_s,
        ),
        outbox_bytes=mqtt.outbox_bytes,
        unsure=unsure,
    )
    base.events.listen(reporter.event)
    if weakness := link_safety.weakness(base.settings):
        base.events.record(base.board.key, "", type="Warning", reason="LinkNotSafe", message=weakness)
    if base.signed is not None:
        base.signed.listen(reporter.node_changed)
    source = MqttSource(
        line,
        reception=reception,
        store=base.store,
        listeners=Listeners(
            refused=reporter.refused,
            accepted=reporter.accepted,
            forward=_forward(line, reporter, renewal, base.synced),
            events=base.events,
            node=base.board.key,
        ),
        clock=base.clock,
        bounds=mqtt_source.Bounds(
            max_object_bytes=base.settings.intake.max_object_bytes,
            strict=base.settings.intake.strict,
            plain_secrets=_plain_secrets(base.settings),
        ),
        signed=_signed(base),
    )
    return Link(bus=line, source=source, reporter=reporter, renewal=renewal)


def _forward(
    line: MqttBus, reporter: Reporter, renewal: Renewal | None, synced: asyncio.Event
) -> Callable[[BusEvent], bool]:
    def forward(event: BusEvent) -> bool:
        if renewal is not None and renewal.notice(event) and isinstance(event, Message):
            line.acknowledge(event)
            return True
        if isinstance(event, Synced):
            synced.set()  # the broker has told everything it knows
        return reporter.notice(event)

    return forward


def _plain_secrets(settings: Settings) -> Literal["taken", "warned", "refused"]:
    if settings.secrets.allow_plain:
        return "taken"
    return "refused" if settings.trust.require_signature else "warned"


def _root(settings: Settings) -> str:
    return f"{settings.mqtt.prefix}/{settings.node.tenant}/{settings.node.name}/"


def _signed(base: Foundation) -> SignedMessages | None:
    """Return what judges messages by their signatures; None where the broker is believed, which loads nothing of it."""
    if base.signed is None or base.keeper is None:
        return None
    from edgelet.agent import trust  # noqa: PLC0415  0.5 MB

    return trust.messages(base.settings, base.signed, base.keeper, base.store.ledger, root=_root(base.settings))


def _guarded(base: Foundation) -> Identity | None:
    """Return what guards an encrypted link; None for a plain one, which loads nothing of it."""
    if not base.settings.mqtt.url.startswith("mqtts://"):
        return None
    from edgelet.agent import identity  # noqa: PLC0415  0.8 MB

    return identity.make(base)


def _endpoint(settings: Settings, guarded: Identity | None) -> Endpoint:
    mqtt, node = settings.mqtt, settings.node

    def text(path: Path | None) -> str:
        return str(path) if path else ""

    made = Endpoint(
        address=address.parse(mqtt.url),
        client_id=endpoint.client_id(node.tenant, node.name),
        root=_root(settings),
        username=mqtt.username,
        password_file=text(mqtt.password_file),
        files=TlsFiles(ca=text(mqtt.ca), certificate=text(mqtt.client_cert), key=text(mqtt.client_key)),
        keepalive_s=mqtt.keepalive_s,
        session_expiry_s=mqtt.session_expiry_s,
    )
    if guarded is None:
        return made
    made = replace(made, check=guarded.guard.check, outlive_s=guarded.guard.outlive_s)
    return made if guarded.files is None else replace(made, revoked=guarded.files.known_revocations)
