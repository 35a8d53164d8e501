"""One question to the registrar over the join listener: asked until an answer comes that can be believed."""

from __future__ import annotations

import secrets
import ssl
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from paho.mqtt.client import Client
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion

from edgelet.adapters.host import time_sync
from edgelet.adapters.mqtt import address, tls
from edgelet.adapters.mqtt.tls_files import TlsFiles
from edgelet.api import enrolment, enrolment_topics
from edgelet.api.enrolment import Reply, Request
from edgelet.api.join_line import JoinLine
from edgelet.api.strict_fields import MessageError
from edgelet.cli.failure import CliError
from edgelet.cli.mqtt_session import MqttSession

RESEND_S = 10.0  # a request or an answer may be lost
PENDING_S = 15.0
_PAUSE_S = 2.0
_CONNECT_S = 20.0
_ASK_AGAIN = frozenset({enrolment.PENDING, 429, 503})
_NO_CHECK_TIME = 0x200000  # Source: OpenSSL X509_V_FLAG_NO_CHECK_TIME

Believed = Callable[[Reply], bool]


@dataclass
class Question:
    """A request, and what is known so far about why there is no answer to it."""

    line: JoinLine
    authorities: Path  # PEM file of the line's roots
    request: Request
    believed: Believed
    say: Callable[[str], None]
    nothing: str = field(default="nobody answers: does a registrar (edgelet ca serve) run there?", init=False)

    def ask(self, *, within_s: float) -> Reply:
        """Return the answer; where that is "wait", the question is asked again.

        Raises:
            CliError: There is none in time, or the broker refuses.
        """
        end_s = time.monotonic() + within_s
        while True:
            try:
                answer = self._ask_over_one_connection(end_s)
            except CliError as error:
                answer = None
                self.nothing = error.message
                _raise_where_hopeless(error)
            if answer is not None:
                return answer
            if time.monotonic() >= end_s:
                raise CliError(f"no answer from the registrar within {within_s:g} s: {self.nothing}")
            time.sleep(min(_PAUSE_S, max(0.0, end_s - time.monotonic())))

    def _ask_over_one_connection(self, end_s: float) -> Reply | None:
        client = secrets.token_hex(16)
        session = self._connect(client)
        try:
            prefix = self.line.prefix
            session.listen(enrolment_topics.bootstrap_reply(prefix, client).removeprefix(f"{prefix}/"))
            topic = enrolment_topics.bootstrap_request(prefix, client).removeprefix(f"{prefix}/")
            while time.monotonic() < end_s:
                session.publish(topic, enrolment.encode_request(self.request), retain=False)
                answer = self._answer(session, min(end_s, time.monotonic() + RESEND_S))
                if answer is None:
                    continue
                if answer.code not in _ASK_AGAIN:
                    return answer
                if answer.code == enrolment.PENDING:
                    self.nothing = "it waits for approval (edgelet ca approve); run the same command again later"
                else:
                    self.nothing = f"it says {answer.code} {answer.reason}: {answer.message}"
                self.say(f"not yet ({answer.code} {answer.reason}): {answer.message}")
                time.sleep(max(0.0, min(PENDING_S, end_s - time.monotonic())))
            return None
        finally:
            session.close()

    def _answer(self, session: MqttSession, end_s: float) -> Reply | None:
        """Return the first answer to this request that is believed."""
        while (left_s := end_s - time.monotonic()) > 0:
            payload = session.heard(within_s=left_s)
            if payload is None:
                return None
            try:
                reply = enrolment.decode_reply(payload)
            except MessageError as error:
                self.nothing = f"what comes is no answer: {error.message}"
                continue
            if reply.nonce == self.request.nonce and self.believed(reply):
                return reply
            self.nothing = "answers come that no registrar of this authority has made: the broker, or another, forges"
        return None

    def _connect(self, client_id: str) -> MqttSession:
        """Connect under the id that the topics have: by that the broker fences joiners off from each other."""
        client = Client(CallbackAPIVersion.VERSION2, client_id, protocol=MQTTProtocolVersion.MQTTv5)
        client.tls_set_context(self._context())
        if self.line.user:
            client.username_pw_set(self.line.user, self.line.password or None)
        return MqttSession(client, address.parse(self.line.broker), root=self.line.prefix, timeout_s=_CONNECT_S)

    def _context(self) -> ssl.SSLContext:
        """Trust the line's authorities only. A clock that nobody has set is not asked for dates: the MAC decides."""
        context = tls.make_context(TlsFiles(ca=str(self.authorities)))
        if not time_sync.synchronized(time_sync.max_error_us()):
            context.verify_flags |= ssl.VerifyFlags(_NO_CHECK_TIME)
        return context


def _raise_where_hopeless(error: CliError) -> None:
    """Raise what asking again does not change in the next minutes."""
    if isinstance(error.__cause__, ssl.SSLCertVerificationError):
        why = error.__cause__.verify_message
        raise CliError(
            f"the broker is not the one of this line, its certificate is refused: {why}; nothing was sent to it "
            f"(the clock of this board says {datetime.now(UTC):%Y-%m-%d %H:%M} UTC)"
        ) from error
    if "Not authorized" in error.message or "Bad user name" in error.message:
        raise CliError(f"{error.message}; the login of the line is not good any more, make a new line") from error
