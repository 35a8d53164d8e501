"""As much of an agent as keeps a certificate good: the bus, the files, the guard, the renewal. No pods, no engine."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Protocol

from edgelet.adapters.host import durable_file
from edgelet.adapters.identity.files import PemFiles
from edgelet.adapters.identity.registrar_link import JoinListener, RegistrarLink
from edgelet.adapters.mqtt import address
from edgelet.adapters.mqtt.bus import SUBSCRIPTIONS, MqttBus
from edgelet.adapters.mqtt.endpoint import Endpoint
from edgelet.adapters.mqtt.tls_files import TlsFiles
from edgelet.identity.authorities import Authorities
from edgelet.identity.guard import IdentityGuard
from edgelet.identity.renewal import Renewal, RenewalPorts, RenewalSettings
from edgelet.identity.renewal_plan import RenewalPlan
from edgelet.identity.revocation_watch import RevocationWatch
from edgelet.identity.time_keeper import TimeKeeper
from edgelet.ports.bus import BusEvent, Message
from edgelet.ports.object_store import Key
from tests.fakes.events import FakeEvents
from tests.fakes.object_store import FakeLedger
from tests.fixtures.certificates import Pair

NODE = "default/pi-01"
LONG_AGO = datetime(2020, 1, 1, tzinfo=UTC)


class OffsetClock:
    """The machine's clock, off by what a test says. OpenSSL does not see that: what the board itself judges does."""

    def __init__(self) -> None:
        self.offset = timedelta()

    def now(self) -> datetime:
        return datetime.now(UTC) + self.offset

    def monotonic_s(self) -> float:
        return time.monotonic()

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)


class Trusted(Protocol):
    """An authority."""

    certificate: Path


class Brokers(Protocol):
    """Where boards connect, and where they ask without a certificate."""

    @property
    def url(self) -> str: ...

    @property
    def join_url(self) -> str: ...

    @property
    def login(self) -> tuple[str, str]: ...


class Board:
    """`start` runs it, `close` ends it; in between it does everything by itself."""

    def __init__(
        self,
        directory: Path,
        authority: Trusted,
        broker: Brokers,
        pair: Pair | None,
        *,
        facts: Mapping[str, bytes] | None = None,
    ) -> None:
        """Put the pair where a board has it; None: it is there, the agent starts again. `facts`: its database."""
        self.pki = directory / "pki"
        self.pki.mkdir(exist_ok=True)
        self.certificate, self.key, self.ca = (self.pki / name for name in ("node.crt", "node.key", "ca.crt"))
        if pair is not None:
            durable_file.write(self.certificate, pair.certificate.read_bytes())
            durable_file.write(self.key, pair.key.read_bytes(), mode=durable_file.SECRET)
            durable_file.write(self.ca, authority.certificate.read_bytes())
        self.password = self.pki / "join-password"
        self.password.write_text(broker.login[1] + "\n")
        self.clock = OffsetClock()
        self.synchronized = True
        self.events = FakeEvents()
        self.ledger = FakeLedger()
        self.ledger.facts.update(facts or {})
        self.seen: list[BusEvent] = []
        self.files = PemFiles(
            certificate=self.certificate,
            key=self.key,
            authorities=self.ca,
            node=NODE,
            at_least=lambda: self.keeper.high_water,
            proven=lambda: self.keeper.proven,
        )
        self.keeper = TimeKeeper(self.clock, self.ledger, synchronized=lambda: self.synchronized, built=LONG_AGO)
        self.guard = IdentityGuard(self.files, keeper=self.keeper, node=NODE)
        self.bus = self._bus(broker)
        self.renewal = self._renewal(broker)
        self._tasks: list[asyncio.Task[None]] = []

    def _bus(self, broker: Brokers) -> MqttBus:
        endpoint = Endpoint(
            address=address.parse(broker.url),
            client_id="pi-01",
            root=f"edgelet/v1/{NODE}/",
            files=TlsFiles(str(self.ca), str(self.certificate), str(self.key)),
            check=self.guard.check,
            outlive_s=self.guard.outlive_s,
            revoked=self.files.known_revocations,
        )
        return MqttBus(
            endpoint,
            clock=self.clock,
            chance=random.random,
            reconnect_max_s=2,
            subscriptions=(*SUBSCRIPTIONS, "cert/#"),
        )

    def _renewal(self, broker: Brokers) -> Renewal:
        listener = JoinListener(
            address=address.parse(broker.join_url),
            prefix="edgelet/v1",
            authorities=str(self.ca),
            user=broker.login[0],
            password_file=str(self.password),
        )
        link = RegistrarLink(self.bus, self.files, listener=listener, high_water_s=self._high_water_s)
        plan = RenewalPlan(retry_min_s=1, retry_max_s=2)
        node = Key("Node", "", "pi-01")
        revoked = RevocationWatch(self.files, events=self.events, node=node)
        return Renewal(
            RenewalPorts(
                files=self.files,
                link=link,
                guard=self.guard,
                keeper=self.keeper,
                authorities=Authorities(
                    self.files,
                    link,
                    revoked=revoked,
                    ledger=self.ledger,
                    events=self.events,
                    node=node,
                    clock=self.clock,
                    plan=plan,
                    chance=random.random,
                ),
                revoked=revoked,
                events=self.events,
                node=node,
                clock=self.clock,
            ),
            RenewalSettings(plan=plan, answer_s=20, join=True),
            chance=random.random,
        )

    def start(self) -> None:
        self._tasks = [
            asyncio.create_task(self.bus.run()),
            asyncio.create_task(self._read()),
            asyncio.create_task(self.renewal.run()),
        ]

    async def close(self) -> None:
        await self.bus.close()
        for task in self._tasks:
            task.cancel()
        results = await asyncio.gather(*self._tasks, return_exceptions=True)
        for one in results:
            assert one is None or isinstance(one, asyncio.CancelledError), one

    def _high_water_s(self) -> float:
        return self.keeper.high_water.timestamp()

    def serial(self) -> str:
        """Of the certificate that the files hold now."""
        return self.files.read().serial

    def of(self, kind: type[BusEvent]) -> list[BusEvent]:
        return [one for one in self.seen if isinstance(one, kind)]

    async def _read(self) -> None:
        async for event in self.bus.events():
            self.seen.append(event)
            self.renewal.notice(event)
            if isinstance(event, Message):
                self.bus.acknowledge(event)
