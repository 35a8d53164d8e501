"""Keeps the certificate good: asks for the next one in time, tries it, installs it; and learns the time on the way."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from edgelet.api import enrolment_topics, time
from edgelet.api.errors import BusError, EdgeletError
from edgelet.identity import clock_trust, questions, renewal_plan
from edgelet.identity.authorities import Authorities
from edgelet.identity.clock_trust import ClockState, JudgedTime
from edgelet.identity.guard import IdentityGuard
from edgelet.identity.questions import Questions
from edgelet.identity.renewal_plan import RenewalPlan
from edgelet.identity.revocation_watch import RevocationWatch
from edgelet.identity.time_keeper import TimeKeeper
from edgelet.ports.bus import BusEvent, Connected, Disconnected, Message
from edgelet.ports.clock import Clock
from edgelet.ports.events import EventSink
from edgelet.ports.object_store import Key
from edgelet.ports.own_certificate import (
    CertificateFiles,
    IdentityLink,
    OwnCertificate,
    RegistrarQuestion,
    RegistrarReply,
)

_log = logging.getLogger(__name__)

_LOOK_S = 3600.0  # the clock may jump, and nobody tells
_REFUSED_BY_BROKER = "CertificateRefused"
_REVOKED = "CertificateRevoked"  # the broker's
_REFUSALS = frozenset({"CertificateInvalid", "CertificateExpired", _REVOKED, _REFUSED_BY_BROKER})
_KEY_IS_SPENT = (409, 422)  # the answer to this key would stay the same
_LOCKED_OUT = 3  # failed connections in a row after which a board without a clock asks for the time elsewhere


@dataclass(frozen=True, slots=True, kw_only=True)
class RenewalPorts:
    """What a renewal needs."""

    files: CertificateFiles
    link: IdentityLink
    guard: IdentityGuard
    keeper: TimeKeeper
    authorities: Authorities
    revoked: RevocationWatch
    events: EventSink
    node: Key
    clock: Clock


@dataclass(frozen=True, slots=True, kw_only=True)
class RenewalSettings:
    """How it is done."""

    plan: RenewalPlan
    answer_s: float = 60.0
    renew: bool = True  # False: somebody else does it; the time and the authorities are looked after all the same
    join: bool = False  # there is a join listener


class _Tries:
    """Failures in a row, and when the next try is due."""

    def __init__(self) -> None:
        self.failures = 0
        self.next_s = float("-inf")

    def failed(self, now_s: float, *, chance: float, plan: RenewalPlan) -> None:
        self.failures += 1
        self.next_s = now_s + renewal_plan.retry_s(self.failures, chance=chance, plan=plan)

    def succeeded(self, next_s: float) -> None:
        self.failures = 0
        self.next_s = next_s


class Renewal:
    """`run` is its one task; `notice` never waits."""

    def __init__(self, ports: RenewalPorts, settings: RenewalSettings, *, chance: Callable[[], float]) -> None:
        """`chance` is random.random or a test's: it spreads what is tried again."""
        self._ports = ports
        self._settings = settings
        self._chance = chance
        self._wake = asyncio.Event()
        self._questions = Questions(ports.files, ports.link, answer_s=settings.answer_s)
        self._renewing = _Tries()
        self._telling = _Tries()  # of the time
        self._refused = 0  # connections in a row that never stood; the broker's own word counts for several
        self._asked = False  # somebody wants a new one, whatever the dates are
        self.trouble = ""  # why there is no new certificate although it is time, for people

    def notice(self, event: BusEvent) -> bool:
        """Take an event of the bus; True for messages that nobody else needs to see."""
        match event:
            case Connected():
                self._refused = 0
                self._wake.set()
            case Disconnected(code=code, reason=reason):
                self._refused += _LOCKED_OUT if code == _REFUSED_BY_BROKER else 1
                if code in _REFUSALS:
                    self._record("Warning", code, reason)
                self._wake.set()
            case Message(topic=enrolment_topics.CA, payload=payload):
                if self._ports.authorities.hear(payload):
                    self._wake.set()
                return True
            case Message(topic=topic, payload=payload) if topic.startswith(questions.ISSUED):
                self._questions.hear(topic, payload)
                return True
            case _:
                pass
        return False

    def renew_soon(self) -> None:
        """Ask for a new certificate as soon as there is a link, whatever the dates are.

        Raises:
            EdgeletError: MethodNotAllowed: somebody else renews it.
        """
        if not self._settings.renew:
            raise EdgeletError("MethodNotAllowed", "cannot renew the certificate: [identity] renew is off")
        self._asked = True
        self.trouble = ""
        self._renewing = _Tries()
        self._wake.set()

    async def run(self) -> None:
        """Look after everything for ever: each hour at rest, and whenever the link comes or goes."""
        while True:
            wait_s = await self._guarded_turn()
            try:
                async with asyncio.timeout(max(1.0, wait_s)):
                    await self._wake.wait()
            except TimeoutError:
                continue

    # ---- one look

    async def _guarded_turn(self) -> float:
        try:
            return await self._turn()
        except Exception:  # noqa: BLE001  a fault of ours, or a file system's, must not end the agent and its pods
            _log.exception("cannot look after the certificate", extra={"reason": "InternalError"})
            return _LOOK_S

    async def _turn(self) -> float:
        """Do what is due; returns the seconds until something may be due again."""
        self._wake.clear()
        ports = self._ports
        certificate = ports.guard.certificate()
        judged = ports.guard.judged()
        if certificate is not None:
            self._learn_from_clock(certificate, judged)
            judged = await self._learn_time(certificate, judged)
        await ports.keeper.save()
        ports.revoked.look(judged)
        retry_s = await ports.authorities.turn(connected=ports.link.connected)
        if certificate is None or not self._settings.renew:
            return min(_LOOK_S, retry_s)
        return min(_LOOK_S, retry_s, await self._renew_when_due(certificate, judged))

    def _learn_from_clock(self, certificate: OwnCertificate, judged: JudgedTime) -> None:
        """Note what a clock says that a connection vouches for: it lies within the lives of both certificates."""
        ports = self._ports
        now = ports.clock.now()
        if (
            ports.link.connected
            and judged.state is ClockState.GOOD
            and ports.guard.system_clock_judged
            and now <= certificate.not_after
        ):
            ports.keeper.see(now)

    async def _learn_time(self, certificate: OwnCertificate, judged: JudgedTime) -> JudgedTime:
        """Ask for the signed time where the clock is worth nothing, disputes it, or says that all is over."""
        ports, now_s = self._ports, self._ports.clock.monotonic_s()
        expired = judged.at > certificate.not_after and not judged.anchored
        locked_out = not ports.link.connected and self._refused >= _LOCKED_OUT and self._settings.join
        unsure = not judged.exact or ports.keeper.is_disputed()
        if not (expired or (unsure and (ports.link.connected or locked_out))) or now_s < self._telling.next_s:
            return judged
        if not ports.link.connected and not self._settings.join:
            return judged
        question = ports.files.time_request()
        try:
            reply = await self._ask(question)
        except BusError as error:
            self._telling.failed(now_s, chance=self._chance(), plan=self._settings.plan)
            _log.info("cannot learn the time", extra={"reason": error.reason, "error": error.message})
            return judged
        if not ports.keeper.believe(reply.time):
            self._telling.failed(now_s, chance=self._chance(), plan=self._settings.plan)
            return judged
        self._telling.succeeded(now_s + _LOOK_S)
        ports.link.hurry()
        return ports.guard.judged()

    # ---- a new certificate

    async def _renew_when_due(self, certificate: OwnCertificate, judged: JudgedTime) -> float:
        due = self.due(certificate)
        if judged.at < due and not self._asked:
            self.trouble = ""
            return (due - judged.at).total_seconds()
        now_s = self._ports.clock.monotonic_s()
        if now_s < self._renewing.next_s:
            return self._renewing.next_s - now_s
        expired = judged.at > certificate.not_after
        if not self._ports.link.connected and not (expired and self._settings.join):
            return _LOOK_S  # the link comes, or the certificate ends
        try:
            await self._renew()
        except BusError as error:
            self._renewing.failed(now_s, chance=self._chance(), plan=self._settings.plan)
            self.trouble = error.message
            self._record("Warning", "CertificateRenewalFailed", error.message)
            return self._renewing.next_s - now_s
        self._asked = False
        self._renewing.succeeded(now_s + self._settings.plan.retry_min_s)  # not in a circle, whatever its dates are
        self.trouble = ""
        return self._settings.plan.retry_min_s

    def due(self, certificate: OwnCertificate) -> datetime:
        """Return from when on a new one is asked for."""
        return renewal_plan.due(
            serial=certificate.serial,
            not_before=certificate.not_before,
            not_after=certificate.not_after,
            plan=self._settings.plan,
        )

    async def _renew(self) -> None:
        """Ask, check, try, install. Killed in between, the next run goes on with the same new key.

        Raises:
            BusError: See ports.own_certificate; or the registrar refuses.
        """
        ports = self._ports
        question = await ports.files.request()
        reply = await self._ask(question)
        self._believe(reply)
        if not reply.certificate:
            if reply.code in _KEY_IS_SPENT:
                ports.files.forget_request()
            said = f"{reply.code} {reply.reason}: {reply.message}".strip(": ")
            raise BusError(reply.reason or "Forbidden", f"cannot renew the certificate: the registrar says {said}")
        if ports.link.connected:
            await self._try_pair()
        # Without a connection there is nothing to lose: the present certificate opens none.
        if reply.authorities:
            await ports.files.install_authorities()
        await ports.files.install_pair()
        fresh = ports.files.read()
        message = f"A new certificate, {fresh.serial}, is good until {time.render(fresh.not_after)}"
        self._record("Normal", "CertificateRenewed", message)
        ports.keeper.prove(fresh.not_before)
        await ports.keeper.save()
        ports.link.hurry()

    def _believe(self, reply: RegistrarReply) -> None:
        """Take an answer's time, or the answer is worth nothing: a key that leaked and ended tells a time of before.

        Raises:
            BusError: ClockBehind.
        """
        keeper = self._ports.keeper
        at_least = None if keeper.believe(reply.time) else keeper.proven
        if at_least is None and reply.authorities and reply.time < keeper.high_water - clock_trust.AGREES:
            at_least = keeper.high_water  # whom the board trusts is changed by no time that its clock contradicts
        if at_least is not None:
            told = (
                f"the registrar says that it is {time.render(reply.time)}, and it is {time.render(at_least)} at least"
            )
            raise BusError("ClockBehind", f"cannot renew the certificate: {told}; is the board's clock right?")

    async def _try_pair(self) -> None:
        try:
            await self._ports.link.take_up_pair()
        except BusError as error:
            if error.reason == _REVOKED:  # the broker's, not ours
                self._ports.link.judge_again()
            elif error.reason in _REFUSALS:
                self._ports.files.forget_request()
            raise

    async def _ask(self, question: RegistrarQuestion) -> RegistrarReply:
        """Return what the registrar's checked answer says. Raises BusError."""
        reply = await self._questions.ask(question)
        self._ports.revoked.told(reply.revoked)
        return reply

    def _record(self, type: Literal["Normal", "Warning"], reason: str, message: str) -> None:
        self._ports.events.record(self._ports.node, "", type=type, reason=reason, message=message)
