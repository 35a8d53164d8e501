"""A renewal on fakes, in made-up time."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from edgelet.api.errors import BusError
from edgelet.identity.authorities import Authorities
from edgelet.identity.guard import IdentityGuard
from edgelet.identity.renewal import Renewal, RenewalPorts, RenewalSettings
from edgelet.identity.renewal_plan import RenewalPlan
from edgelet.identity.revocation_watch import RevocationWatch
from edgelet.identity.time_keeper import TimeKeeper
from edgelet.ports.bus import Message
from edgelet.ports.object_store import Key
from edgelet.ports.own_certificate import (
    AuthoritiesNews,
    KeptRevocations,
    OwnCertificate,
    RegistrarQuestion,
    RegistrarReply,
)
from tests.fakes.events import FakeEvents
from tests.fakes.hand_clock import HandClock
from tests.fakes.object_store import FakeLedger

BEGIN = datetime(2030, 1, 1, tzinfo=UTC)


DAY = timedelta(days=1)


NODE = Key("Node", "", "pi-01")


NOBODY = BusError("RegistrarSilent", "cannot ask: nobody is there")


REFUSED = BusError("CertificateInvalid", "cannot connect: the broker refuses")


@dataclass
class Files:
    """Certificates are numbers; what was done is a list of words."""

    clock: HandClock
    done: list[str] = field(default_factory=list)
    present: int = 1
    reply: RegistrarReply | BusError = NOBODY
    begin: datetime = BEGIN
    news: AuthoritiesNews | None = None
    kept: KeptRevocations = field(default_factory=KeptRevocations)

    def revocations(self) -> KeptRevocations:
        return self.kept

    def read(self) -> OwnCertificate:
        return OwnCertificate(
            path="/p",
            common_name="default/pi-01",
            serial=str(self.present),
            not_before=self.begin,
            not_after=self.begin + 60 * DAY,
        )

    async def request(self) -> RegistrarQuestion:
        self.done.append("request")
        return RegistrarQuestion(b"renew", "n")

    def time_request(self) -> RegistrarQuestion:
        self.done.append("time")
        return RegistrarQuestion(b"time", "t")

    async def accept(self, answer: bytes, *, nonce: str) -> RegistrarReply:
        assert (answer, nonce) in {(b"answer", "n"), (b"answer", "t")}
        if isinstance(self.reply, BusError):
            raise self.reply
        return self.reply

    def forget_request(self) -> None:
        self.done.append("forget")

    async def accept_authorities(self, message: bytes, *, epoch: int) -> AuthoritiesNews | None:
        assert message == b"bundle"
        self.done.append(f"authorities after {epoch}")
        return self.news

    async def install_pair(self) -> None:
        self.done.append("install")
        self.present += 1
        self.begin = self.clock.now()

    async def install_authorities(self) -> None:
        self.done.append("install authorities")


@dataclass
class Link:
    """Where it was asked, in order; an answer comes at once."""

    connected: bool = True
    trouble: BusError | None = None
    asked: list[str] = field(default_factory=list)
    renewal: Renewal | None = None

    async def send(self, question: RegistrarQuestion) -> None:
        self.asked.append("link")
        assert self.renewal is not None
        topic = f"cert/issued/{question.nonce}"
        assert self.renewal.notice(Message(topic, b"answer", 1, retained=False, connection=1, packet_id=1))

    async def ask_at_join_listener(self, question: RegistrarQuestion, *, timeout_s: float) -> bytes:
        assert question.payload
        assert timeout_s > 0
        self.asked.append("join listener")
        return b"answer"

    async def take_up_pair(self) -> None:
        self.asked.append("take up")
        if self.trouble:
            raise self.trouble

    async def try_authorities(self) -> None:
        self.asked.append("try authorities")
        if self.trouble:
            raise self.trouble

    def judge_again(self) -> None:
        self.asked.append("judge again")

    def hurry(self) -> None:
        self.asked.append("hurry")


class Bench:
    """A renewal on fakes."""

    def __init__(self, *, renew: bool = True, join: bool = False, synchronized: bool = True) -> None:
        self.clock, self.events, self.link, self.ledger = HandClock(BEGIN), FakeEvents(), Link(), FakeLedger()
        self.files = Files(self.clock)
        plan = RenewalPlan()
        self.synchronized = synchronized
        self.keeper = TimeKeeper(self.clock, self.ledger, synchronized=lambda: self.synchronized)
        self.guard = IdentityGuard(self.files, keeper=self.keeper, node="default/pi-01")
        revoked = RevocationWatch(self.files, events=self.events, node=NODE)
        self.authorities = Authorities(
            self.files,
            self.link,
            revoked=revoked,
            ledger=self.ledger,
            events=self.events,
            node=NODE,
            clock=self.clock,
            plan=plan,
            chance=lambda: 1.0,
        )
        ports = RenewalPorts(
            files=self.files,
            link=self.link,
            guard=self.guard,
            keeper=self.keeper,
            authorities=self.authorities,
            revoked=revoked,
            events=self.events,
            node=NODE,
            clock=self.clock,
        )
        self.renewal = Renewal(ports, RenewalSettings(plan=plan, renew=renew, join=join), chance=lambda: 1.0)
        self.link.renewal = self.renewal

    async def turn(self, *, day: float) -> float:
        """Look once, so many days after the certificate's begin."""
        self.clock.run(BEGIN + day * DAY - self.clock.wall)
        return await self.renewal._turn()

    def granted(self, code: int = 200, *, certificate: bool = True, authorities: bool = False) -> None:
        self.files.reply = RegistrarReply(
            code=code,
            time=self.clock.now(),
            reason="R",
            message="words",
            certificate=certificate,
            authorities=authorities,
        )
