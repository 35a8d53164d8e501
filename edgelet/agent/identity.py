"""The board's own identity: its certificate, the time it is judged by, and the next certificate."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from edgelet.adapters.host import time_sync
from edgelet.adapters.identity.files import PemFiles
from edgelet.adapters.identity.registrar_link import JoinListener, RegistrarLink
from edgelet.adapters.mqtt import address
from edgelet.adapters.mqtt.bus import MqttBus
from edgelet.agent.pod_path import Foundation
from edgelet.api import time
from edgelet.api.errors import EdgeletError
from edgelet.api.revocations import KnownList
from edgelet.config.settings import Settings
from edgelet.identity.authorities import Authorities
from edgelet.identity.guard import IdentityGuard
from edgelet.identity.renewal import Renewal, RenewalPorts, RenewalSettings
from edgelet.identity.renewal_plan import RenewalPlan
from edgelet.identity.revocation_watch import RevocationWatch
from edgelet.identity.time_keeper import TimeKeeper
from edgelet.node.node_identity import SeenIdentity
from edgelet.ports.kept_certificate import KeptCertificate
from edgelet.ports.object_store import Document


@dataclass(frozen=True, slots=True, kw_only=True)
class Identity:
    """Made before the link, which asks the guard; the renewal needs the link. Only for a link with TLS."""

    files: PemFiles | None  # None: no client certificate
    keeper: TimeKeeper
    guard: IdentityGuard

    def make_renewal(self, base: Foundation, bus: MqttBus) -> Renewal | None:
        """Return what keeps the certificate good; None where there is none."""
        return None if self.files is None else _renewal(base, self, self.files, bus)

    def seen(self, renewal: Renewal | None) -> Callable[[], SeenIdentity]:
        """Return what tells the Node object about the identity."""
        return lambda: _seen(self.guard, renewal)

    def kept(self, renewal: Renewal | None) -> KeptCertificate | None:
        """Return what people see of the certificate, and how they have it renewed."""
        if renewal is None or self.files is None:
            return None
        return _Kept(self.guard, renewal, self.files)


class _Kept:
    """ports.kept_certificate."""

    def __init__(self, guard: IdentityGuard, renewal: Renewal, files: PemFiles) -> None:
        self._guard = guard
        self._renewal = renewal
        self._files = files

    def describe(self) -> Document:
        certificate, trouble = self._guard.certificate(), self._renewal.trouble
        if certificate is None:
            self._files.read()  # raises: it says which file, and why
            raise EdgeletError("CertificateInvalid", "the certificate cannot be used; the log has the reason")
        return {
            "commonName": certificate.common_name,
            "serial": certificate.serial,
            "notBefore": time.render(certificate.not_before),
            "notAfter": time.render(certificate.not_after),
            "renewFrom": time.render(self._renewal.due(certificate)),
            "trouble": trouble,
            "revocationLists": [_shown(one) for one in self._files.known_revocations().lists],
        }

    def renew_soon(self) -> None:
        self._renewal.renew_soon()


def _shown(one: KnownList) -> Document:
    until = time.render(datetime.fromtimestamp(one.ends, UTC))
    return {"issuer": one.issuer, "number": one.number, "until": until, "revoked": len(one.revoked)}


def make(base: Foundation) -> Identity:
    """Return what guards an encrypted link."""
    settings = base.settings
    mqtt, node = settings.mqtt, f"{settings.node.tenant}/{settings.node.name}"
    keeper = base.keeper or TimeKeeper(base.clock, base.store.ledger, synchronized=time_sync.vouched_for)
    files = None
    if mqtt.client_cert and mqtt.client_key:
        files = PemFiles(
            certificate=mqtt.client_cert,
            key=mqtt.client_key,
            authorities=mqtt.ca,
            node=node,
            at_least=lambda: keeper.high_water,
            proven=lambda: keeper.proven,
        )
    return Identity(files=files, keeper=keeper, guard=IdentityGuard(files, keeper=keeper, node=node))


def _renewal(base: Foundation, identity: Identity, files: PemFiles, bus: MqttBus) -> Renewal:
    keeper = identity.keeper
    chosen = base.settings.identity
    listener = _listener(base.settings)

    def high_water_s() -> float:
        return keeper.high_water.timestamp()

    link = RegistrarLink(bus, files, listener=listener, high_water_s=high_water_s)
    plan = RenewalPlan(
        start=chosen.renew_from,
        end=chosen.renew_to,
        longest_offline=timedelta(days=chosen.longest_offline_d),
        retry_min_s=chosen.retry_min_s,
        retry_max_s=chosen.retry_max_s,
    )
    revoked = RevocationWatch(files, events=base.events, node=base.board.key)
    authorities = Authorities(
        files,
        link,
        revoked=revoked,
        ledger=base.store.ledger,
        events=base.events,
        node=base.board.key,
        clock=base.clock,
        plan=plan,
        chance=random.random,
    )
    ports = RenewalPorts(
        files=files,
        link=link,
        guard=identity.guard,
        keeper=keeper,
        authorities=authorities,
        revoked=revoked,
        events=base.events,
        node=base.board.key,
        clock=base.clock,
    )
    settings = RenewalSettings(plan=plan, answer_s=chosen.answer_s, renew=chosen.renew, join=listener is not None)
    return Renewal(ports, settings, chance=random.random)


def _seen(guard: IdentityGuard, renewal: Renewal | None) -> SeenIdentity:
    certificate = guard.certificate()
    judged = guard.judged()
    trouble = renewal.trouble if renewal is not None else ""
    if renewal is not None and certificate is None:
        trouble = trouble or "the certificate cannot be used; the log has the reason"
    return SeenIdentity(
        clock=judged.state.value,
        certificate=renewal is not None,
        not_after=certificate.not_after if certificate else None,
        renew_from=renewal.due(certificate) if certificate and renewal else None,
        expired=certificate is not None and judged.at > certificate.not_after,
        trouble=trouble,
    )


def _listener(settings: Settings) -> JoinListener | None:
    chosen, authorities = settings.identity, settings.mqtt.ca
    if not chosen.join_url or authorities is None:
        return None

    def text(path: Path | None) -> str:
        return str(path) if path else ""

    return JoinListener(
        address=address.parse(chosen.join_url),
        prefix=settings.mqtt.prefix,
        authorities=str(authorities),
        user=chosen.user,
        password_file=text(chosen.password_file),
    )
