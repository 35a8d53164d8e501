"""`edgelet ca serve`: the registrar as a process."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import random
import signal
from collections.abc import Callable
from dataclasses import dataclass, field

from edgelet.adapters.host.clock import SystemClock
from edgelet.adapters.mqtt import address
from edgelet.adapters.mqtt.endpoint import Endpoint
from edgelet.adapters.mqtt.tls_files import TlsFiles
from edgelet.adapters.x509 import certificates, revocation
from edgelet.api.errors import BusError, EdgeletError
from edgelet.api.revocations import Revocations
from edgelet.ca import ca_notice, registrar_identity, revocation_lists, tokens
from edgelet.ca.authority import Authority
from edgelet.ca.change_hook import ChangeHook
from edgelet.ca.registrar import Policy, Registrar
from edgelet.ca.registrar_identity import RegistrarIdentity
from edgelet.ca.registrar_link import RegistrarLink

_log = logging.getLogger(__name__)

UPKEEP_S = 600.0
_TELL_S = 10.0  # from a revocation to the notice that tells boards of it
_BEFORE_TOLD_S = 1.0
_LOOK_S = 3.0
_SESSION_S = 3600  # requests that come while the registrar restarts wait for it
_PACKET_BYTES = 64 * 1024
_KEEPALIVE_S = 30


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """How one registrar runs."""

    broker: str
    name: str
    prefix: str = "edgelet/v1"
    ca: str = ""  # PEM file the broker is checked against; "": the authority's own bundle
    username: str = ""  # for a broker that asks for no certificate
    password_file: str = ""
    on_change: tuple[str, ...] = ()  # argument vector; run when the authorities or the revocation list changed
    policy: Policy = field(default_factory=Policy)


def run(authority: Authority, options: Options, *, say: Callable[[str], None]) -> None:
    """Serve until SIGTERM or SIGINT. Broker failures are waited out.

    Raises:
        EdgeletError: It cannot begin: a name that another registrar has, an authority that cannot sign.
    """
    authority.check_signs()
    handle = registrar_identity.hold_name(authority.directory, options.name)
    authority.actor = f"registrar:{options.name}"
    try:
        asyncio.run(Service(authority, options, say=say).run())
    finally:
        os.close(handle)


class Service:
    """The registrar's parts, and the round that keeps the authority's lists fresh."""

    def __init__(self, authority: Authority, options: Options, *, say: Callable[[str], None]) -> None:
        self._authority = authority
        self._options = options
        self._say = say
        self._clock = SystemClock()
        self._own = registrar_identity.ensure(authority, options.name)
        self._registrar = Registrar(
            authority, signer=self._identity, policy=options.policy, monotonic_s=self._clock.monotonic_s
        )
        self._told_epoch = 0
        self._told: dict[str, int] = {}  # topic -> number of the notice that the broker has there
        self._revoked = Revocations()
        self._unread: tuple[str, ...] = ()
        self._learn_revoked()
        self._problems: tuple[str, ...] = ()

    async def run(self) -> None:
        """Serve until a signal comes."""
        link = RegistrarLink(
            self._endpoint(),
            prefix=self._options.prefix,
            clock=self._clock,
            chance=random.random,
            answer=self._registrar.answer,
        )
        done = asyncio.Event()
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, done.set)
        async with asyncio.TaskGroup() as group:
            serving = group.create_task(link.run(), name="registrar/link")
            upkeep = group.create_task(self._keep_up(link), name="registrar/upkeep")
            handing_on = group.create_task(self._hand_on(), name="registrar/on-change")
            self._say(f"registrar {self._own.common_name}: answers at {self._options.broker}")
            await done.wait()
            upkeep.cancel()
            handing_on.cancel()
            await link.close()
            await serving

    def _identity(self) -> RegistrarIdentity:
        return self._own

    def _endpoint(self) -> Endpoint:
        where = address.parse(self._options.broker)
        own = self._own
        files = TlsFiles()
        if where.tls:
            ca = self._options.ca or str(self._authority.directory / "ca.crt")
            bare = bool(self._options.username)
            files = TlsFiles(ca, "", "") if bare else TlsFiles(ca, str(own.certificate_file), str(own.key_file))
        return Endpoint(
            address=where,
            client_id=f"edgelet-registrar_{self._options.name}",
            root="",
            username=self._options.username,
            password_file=self._options.password_file,
            files=files,
            revoked=lambda: self._revoked,
            keepalive_s=_KEEPALIVE_S,
            session_expiry_s=_SESSION_S,
            maximum_packet_bytes=_PACKET_BYTES,
        )

    async def _keep_up(self, link: RegistrarLink) -> None:
        """Look after everything at once, once more when the broker is there, and then every ten minutes."""
        while True:
            try:
                await self._round(link)
            except EdgeletError as error:  # the next round tries again; a full disk must not end the service
                _log.warning("upkeep: %s", error.message)
            if self._told_epoch:
                await self._tell_changes(link)
                continue
            await self._clock.sleep(_BEFORE_TOLD_S)
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(UPKEEP_S):
                    await link.connected.wait()

    async def _tell_changes(self, link: RegistrarLink) -> None:
        """Look until the next round whether another process has revoked something."""
        end_s = self._clock.monotonic_s() + UPKEEP_S
        while (left_s := end_s - self._clock.monotonic_s()) > 0:
            await self._clock.sleep(min(left_s, _TELL_S))
            try:
                if ca_notice.epoch(self._authority) != self._told_epoch:
                    await self._tell_authorities(link)
                self._judge_broker(link)
            except EdgeletError as error:
                _log.warning("upkeep: %s", error.message)

    async def _hand_on(self) -> None:
        """Run the command of --on-change whenever brokers need other files than at its last run."""
        hook = ChangeHook(self._authority.directory, self._options.on_change)
        while self._options.on_change:
            await hook.look()
            await self._clock.sleep(_LOOK_S)

    async def _round(self, link: RegistrarLink) -> None:
        authority = self._authority
        problems = revocation_lists.refresh(authority)
        for problem in problems if problems != self._problems else ():
            _log.warning("%s", problem)
        self._problems = problems
        tokens.sweep(authority.database, authority.now())
        self._own = registrar_identity.ensure(authority, self._options.name)
        await self._tell_authorities(link)
        self._judge_broker(link)

    def _judge_broker(self, link: RegistrarLink) -> None:
        """Leave a broker that was revoked, once it was told to boards: they may hear of it over that broker alone."""
        self._learn_revoked()
        link.judge_again()

    def _learn_revoked(self) -> None:
        """Take what the authority's own lists say. Raises StorageError."""
        lists, wrong = revocation.known(self._authority.crl(), certificates.read(self._authority.bundle()))
        for trouble in wrong if wrong != self._unread else ():
            _log.warning("a broker that this list names is not noticed: %s", trouble)
        self._unread = wrong
        self._revoked, _ = self._revoked.merged(lists)

    async def _tell_authorities(self, link: RegistrarLink) -> None:
        """Publish the notice to the nodes that were not told it yet; retained, so the broker repeats it."""
        if not link.connected.is_set():
            return
        epoch = ca_notice.epoch(self._authority)
        topics = ca_notice.topics(self._authority, self._options.prefix)
        if missing := [topic for topic in topics if self._told.get(topic) != epoch]:
            # It may be our own certificate that was revoked just now.
            self._own = registrar_identity.ensure(self._authority, self._options.name)
            payload = ca_notice.message(self._authority, self._own)
        for topic in missing:
            try:
                await link.publish(topic, payload, retain=True)
            except BusError as error:
                _log.warning("a node was not told of the authorities: %s", error.message)
                return
            self._told[topic] = epoch
        self._told_epoch = epoch
