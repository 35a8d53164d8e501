"""What the registrar says to a request: who may have which certificate.

It believes neither the broker nor the topic a request came on. A joiner proves itself by its token's MAC, a node by the
signature of its present key; whatever somebody in between changes ends in a refusal, whatever he repeats in the same
answer. Two registrars on one authority come to the same: each decision is one transaction of its database.
"""

from __future__ import annotations

import logging
import secrets
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from edgelet.adapters.x509 import certificates, keys, registrar_signature, requests
from edgelet.adapters.x509.errors import invalid
from edgelet.api import enrolment
from edgelet.api.enrolment import JoinRequest, RenewRequest, Reply, TimeRequest
from edgelet.api.enrolment_topics import Origin
from edgelet.api.errors import ConflictError, EdgeletError, ForbiddenError, StorageError
from edgelet.api.strict_fields import MessageError
from edgelet.ca import approvals, board_lists, desk, register, tokens
from edgelet.ca.authority import Authority
from edgelet.ca.issuers import AuthorityKeyError
from edgelet.ca.rate_limit import Bucket, Buckets, Rate
from edgelet.ca.records import Issued, Record
from edgelet.ca.registrar_identity import RegistrarIdentity
from edgelet.ca.tokens import Token

_log = logging.getLogger(__name__)

_CODES = {
    "BadRequest": 400,
    "Forbidden": 403,
    "NotFound": 404,
    "Conflict": 409,
    "Expired": 410,
    "Invalid": 422,
    "TooManyRequests": 429,
    "ServiceUnavailable": 503,
}
_LONGEST_MESSAGE = 400
_MAC_BYTES = 128  # what a MAC adds to a reply
# Strangers cannot fill the disk with rows about themselves; what is left out is counted.
_NOTED = Rate(burst=60, per_s=0.2)
_REFUSALS = Rate(burst=20, per_s=0.01)  # of one name
_A_DAY = 20  # renewals of one name: a board that is not ours any more cannot fill the disk with certificates
# What is wrong on the server is in its own log: who asks can do nothing about it but ask again.
_NOT_NOW = EdgeletError("ServiceUnavailable", "the registrar cannot answer now, ask again later")
_STRANGER = "the token is not known, or the request was changed on its way"


@dataclass(frozen=True, slots=True)
class Policy:
    """What is done without asking a person."""

    approve_joins: bool = True  # False: each waits for `edgelet ca approve`
    renew_grace: timedelta = timedelta(days=365)  # so long after its end a certificate is still good for a renewal


@dataclass(frozen=True, slots=True)
class Waiting:
    """Neither granted nor refused: a person has to decide. Code 202."""

    message: str


class Registrar:
    """Answers requests. Blocking, a few milliseconds each; one thread."""

    def __init__(
        self,
        authority: Authority,
        *,
        signer: Callable[[], RegistrarIdentity],
        policy: Policy,
        monotonic_s: Callable[[], float],
    ) -> None:
        """`signer` is asked each time: the registrar's own certificate is renewed while it runs."""
        self._authority = authority
        self._signer = signer
        self._policy = policy
        self._monotonic_s = monotonic_s
        self._nobody = enrolment.token_keys(secrets.token_bytes(32))
        self._noted = Bucket(_NOTED, now_s=monotonic_s())
        self._unnoted = 0
        self._refusals = Buckets(_REFUSALS)

    def answer(self, origin: Origin, payload: bytes) -> bytes | None:
        """Return the reply to a request; None where there is nobody to reply to. Never raises."""
        try:
            request = enrolment.decode_request(payload)
        except MessageError as error:
            nonce = enrolment.nonce_of(payload)
            return enrolment.encode_reply(self._refusal(nonce, error)) if nonce else None
        try:
            match request:
                case TimeRequest():
                    reply = self._signed(self._reply(request.nonce, enrolment.OK))
                case JoinRequest():
                    reply = self._join(request)
                case RenewRequest():
                    reply = self._renew(origin, request)
        except AuthorityKeyError as error:
            _log.error("the authority cannot sign, boards are asked to come again: %s", error.message)
            reply = self._refusal(request.nonce, _NOT_NOW)
        except EdgeletError:
            _log.exception("cannot answer a request")
            reply = self._refusal(request.nonce, _NOT_NOW)
        except Exception:  # noqa: BLE001  one request must not end the service for all others
            _log.exception("cannot answer a request")
            reply = self._refusal(request.nonce, _NOT_NOW)
        return self._readable(reply)

    def _readable(self, reply: Reply) -> bytes:
        """Return an answer's bytes, or those of a refusal where a board could not read it."""
        answer = enrolment.encode_reply(reply)
        try:
            enrolment.decode_reply(answer)
        except MessageError as error:
            _log.error("boards could not read an answer, are there too many authorities? %s", error.message)
            many = EdgeletError(_NOT_NOW.reason, "there are too many authorities")
            return enrolment.encode_reply(self._refusal(reply.nonce, many))
        return answer

    # Joining ----------------------------------------------------------------------------------------------------------

    def _join(self, request: JoinRequest) -> Reply:
        token = tokens.find(self._authority.database, request.token)
        # An unknown token takes the same steps as a known one with a wrong MAC, and gets the same answer.
        authentic = request.is_authentic(token.keys if token else self._nobody)
        if token is None or not authentic:
            self._note_stranger("join", request.node, {"token": request.token, "known": token is not None})
            return self._refusal(request.nonce, ForbiddenError(_STRANGER))
        try:
            reply = self._told(request.nonce, self._joined(request))
        except StorageError:
            raise
        except EdgeletError as error:
            self._note_refusal("join", token.node, error)
            reply = self._refusal(request.nonce, error)
        return reply.maced(token.keys)

    def _joined(self, request: JoinRequest) -> Issued | Waiting:
        """Judge and act in one transaction: of two registrars the second sees what the first did."""
        authority = self._authority
        with authority.database.transaction():
            now = authority.now()
            token = tokens.find(authority.database, request.token)
            if token is None:
                raise ForbiddenError(_STRANGER)
            asked = _checked_join(request, token, now)
            verdict = self._approved(request, token)
            if token.key_digest:
                self._note_repeat(token)
            else:
                tokens.bind(authority.database, token, key_digest=asked.key_digest, now=now)
                if isinstance(verdict, Waiting):
                    authority.note("join", token.node, outcome="Pending", detail={"message": verdict.message})
        return verdict

    def _approved(self, request: JoinRequest, token: Token) -> Issued | Waiting:
        authority = self._authority
        csr = request.csr.encode()
        if self._policy.approve_joins:
            return authority.issue_node(csr, request.node, reason=f"token {token.id}")
        found = approvals.ask(authority, csr, request.node, kind="join", origin=f"token {token.id}")
        if found.state == desk.DENIED:
            raise ForbiddenError(f"request {found.id} was denied{f': {found.message}' if found.message else ''}")
        if found.state == desk.PENDING:
            return Waiting(f"request {found.id} waits for approval")
        return approvals.approve(authority, found.id)

    # Renewal ----------------------------------------------------------------------------------------------------------

    def _renew(self, origin: Origin, request: RenewRequest) -> Reply:
        present = request.certificate.encode()
        try:
            if origin.node not in {"", request.node}:
                raise ForbiddenError(f"a request for {request.node} came on a topic of {origin.node}")
            key = certificates.read(present, name="certificate")[0].public_key
            if not keys.verifies(key, registrar_signature.from_base64(request.signature), request.covered()):
                raise ForbiddenError("the present key did not sign this request")
        except EdgeletError as error:
            self._note_stranger("renew", request.node, {"message": error.message})
            return self._refusal(request.nonce, error)
        try:
            return self._told(request.nonce, self._renewed(request, present))
        except StorageError:
            raise
        except EdgeletError as error:
            self._note_refusal("renew", request.node, error)
            return self._refusal(request.nonce, error)

    def _renewed(self, request: RenewRequest, present: bytes) -> Issued:
        authority = self._authority
        with authority.database.transaction():
            record = authority.check_present(present, grace=self._policy.renew_grace)
            if record.common_name != request.node:
                raise invalid("RenewRequest", request.node, "node", "is not the name in the certificate")
            known = register.by_name(authority.database, record.common_name)
            asked = requests.read(request.csr.encode(), name=request.node)
            _check_others(known, record, key_digest=asked.key_digest, now=authority.now())
            return authority.renew(
                request.csr.encode(),
                present=present,
                grace=self._policy.renew_grace,
                reason=f"renewal of {record.serial}",
            )

    # Answers ----------------------------------------------------------------------------------------------------------

    def _told(self, nonce: str, verdict: Issued | Waiting) -> Reply:
        if isinstance(verdict, Waiting):
            waiting = self._reply(nonce, enrolment.PENDING)
            return self._signed(replace(waiting, reason="Pending", message=verdict.message))
        granted = replace(
            self._reply(nonce, enrolment.OK),
            certificate=verdict.certificate_pem.decode(),
            ca=self._authority.bundle().decode(),
        )
        lists = board_lists.text(self._authority, most=enrolment.MAX_REPLY_CRLS_CHARACTERS)
        whole = self._signed(replace(granted, crls=lists))
        if len(enrolment.encode_reply(whole)) > enrolment.MAX_REPLY_BYTES - _MAC_BYTES:
            return self._signed(granted)  # the notice has the lists too
        return whole

    def _refusal(self, nonce: str, error: EdgeletError) -> Reply:
        reply = self._reply(nonce, _CODES.get(error.reason, 500))
        return self._signed(replace(reply, reason=error.reason, message=error.message[:_LONGEST_MESSAGE]))

    def _reply(self, nonce: str, code: int) -> Reply:
        return Reply(nonce=nonce, code=code, time=int(self._authority.now().timestamp()))

    def _signed(self, reply: Reply) -> Reply:
        own = self._signer()
        whole = replace(reply, signer=own.chain)
        return replace(whole, signature=registrar_signature.make(own.key, whole.covered()))

    def _note_refusal(self, action: str, subject: str, error: EdgeletError) -> None:
        """Write down that one was refused who has a token or a certificate; he cannot fill the disk either."""
        if self._refusals.take(f"{action} {subject}", now_s=self._monotonic_s()):
            self._authority.note(action, subject, outcome=error.reason, detail={"message": error.message})

    def _note_repeat(self, token: Token) -> None:
        """Write down that a used token was used again by its own key: an answer was lost, or somebody repeats it."""
        if self._refusals.take(f"repeat {token.node}", now_s=self._monotonic_s()):
            self._authority.note("join", token.node, outcome="Repeated", detail={"token": token.id})

    def _note_stranger(self, action: str, subject: str, detail: dict[str, object]) -> None:
        if not self._noted.take(now_s=self._monotonic_s()):
            self._unnoted += 1
            return
        if self._unnoted:
            detail = {**detail, "before": f"{self._unnoted} more that were not noted"}
            self._unnoted = 0
        self._authority.note(action, subject, outcome="Forbidden", detail=detail)


def _checked_join(request: JoinRequest, token: Token, now: datetime) -> requests.Request:
    if request.node != token.node:
        raise invalid("JoinRequest", request.node, "node", f"token {token.id} is for {token.node}")
    asked = requests.read(request.csr.encode(), name=request.node)
    if token.key_digest and token.key_digest != asked.key_digest:
        raise ConflictError(f"token {token.id} was used before, with another key")
    if not token.key_digest and now > token.expires_at:
        raise EdgeletError("Expired", f"token {token.id} ended at {token.expires_at:%Y-%m-%dT%H:%M:%SZ}")
    return asked


def _check_others(all_of_name: Sequence[Record], present: Record, *, key_digest: str, now: datetime) -> None:
    """Judge a renewal by what else was issued under this name.

    Revoking a name revokes what is good at that moment. An older certificate has ended then and is on no list, but the
    key of a stolen board's last one must not bring the name back. `key_digest` is of the key that is asked for.
    """
    if any(one.revoked_at is not None and one.issued_at >= present.issued_at for one in all_of_name):
        raise ForbiddenError(f"a newer certificate of {present.common_name} was revoked: a new join token helps")
    repeated = any(one.key_digest == key_digest for one in all_of_name)
    if not repeated and sum(one.issued_at > now - timedelta(days=1) for one in all_of_name) > _A_DAY:
        raise EdgeletError("TooManyRequests", f"{present.common_name} had more than {_A_DAY} certificates in one day")
