"""Everything of a renewal that needs a library for X.509; run by `child`, one question on stdin, one answer on stdout.

Keys never leave the files: the new one is made here and written here.
"""

from __future__ import annotations

import datetime as dt
import json
import secrets
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from edgelet.adapters.host import durable_file
from edgelet.adapters.identity import revoked_file
from edgelet.adapters.x509 import certificates, chain, keys, registrar_signature, requests, revocation
from edgelet.adapters.x509.certificates import Certificate
from edgelet.api import enrolment
from edgelet.api.enrolment import RenewRequest, Reply
from edgelet.api.errors import EdgeletError, ForbiddenError, StorageError
from edgelet.api.revocations import Revocations

_MOST_BYTES = 64 * 1024
_EPOCHS_AT_ONCE = 10_000  # one for each change of the bundle or of a list: years of them

Question = Mapping[str, Any]
Answer = dict[str, Any]


def request(question: Question) -> Answer:
    """Have a new key at `staged_key`, and ask for its certificate under the present pair."""
    staged = Path(question["staged_key"])
    try:
        fresh = keys.load(staged)  # it was asked for already: the registrar knows it, and a lost answer comes again
    except EdgeletError:
        fresh = keys.generate()
        keys.save(staged, fresh)
    node, nonce = question["node"], secrets.token_hex(enrolment.NONCE_CHARACTERS // 2)
    made = RenewRequest(
        node=node,
        csr=requests.make(fresh, node).decode(),
        nonce=nonce,
        certificate=certificates.bundle(_read(question["certificate"])).decode(),
    )
    signed = replace(made, signature=registrar_signature.make(keys.load(Path(question["key"])), made.covered()))
    return {"payload": enrolment.encode_request(signed).decode(), "nonce": nonce}


def accept(question: Question) -> Answer:
    """Check an answer, and stage the certificate and the authorities that came with it."""
    reply = enrolment.decode_reply(question["answer"].encode())
    if reply.nonce != question["nonce"]:
        raise ForbiddenError("the answer is to another question")
    # The registrar's certificate has to be good at the time that it tells, and at the time that was here before: a key
    # that leaked and has ended tells neither today's time nor one of long ago. A word about the time alone is held to
    # what is proven only: it puts right what was seen on a clock that was ahead.
    over = question["at_least" if reply.certificate or reply.ca else "proven"]
    moment = dt.datetime.fromtimestamp(max(reply.time, over), dt.UTC)
    trusted = _read(question["authorities"])
    if not reply.signer or not reply.signature:
        raise ForbiddenError(f"the answer is not signed; it says {reply.code} {reply.reason}: {reply.message}")
    fresh = certificates.read(reply.ca.encode()) if reply.ca else trusted
    said = _Said(reply.covered(), reply.signer, reply.signature, reply.crls, fresh)
    revoked, news = _judged(question, said, trusted, moment)
    answer: Answer = {"code": reply.code, "time": reply.time, "reason": reply.reason, "message": reply.message}
    if reply.code != enrolment.OK:
        return answer | {"revoked": news}
    if reply.certificate:
        _stage_certificate(question, reply, [*trusted, *fresh], moment=moment, revoked=revoked)
    authorities = _stage_authorities(question, trusted, fresh)
    return answer | {"certificate": bool(reply.certificate), "authorities": authorities, "revoked": news}


def authorities(question: Question) -> Answer:
    """Check a message about authorities, keep its revocation lists, and stage the authorities where it is newer."""
    message = enrolment.decode_ca(question["message"].encode())
    if message.epoch < question["epoch"]:
        return {"epoch": None}
    if message.epoch > question["epoch"] + _EPOCHS_AT_ONCE:  # believed, it would shut out all true ones after it
        raise ForbiddenError(f"epoch {message.epoch} of the authorities is too far from {question['epoch']}")
    trusted = _read(question["authorities"])
    at_least = dt.datetime.fromtimestamp(question["at_least"], dt.UTC)
    for one in certificates.read(message.signer.encode(), name="signer"):
        if one.not_after < at_least:  # a key that leaked is worth nothing after its end
            raise ForbiddenError(f"cannot believe {one.common_name} about authorities: its certificate has ended")
    fresh = certificates.read(message.bundle.encode())
    said = _Said(message.covered(), message.signer, message.signature, message.crls, fresh)
    _, news = _judged(question, said, trusted, None)
    changed = message.epoch > question["epoch"] and _stage_authorities(question, trusted, fresh)
    return {"epoch": message.epoch, "changed": changed, "revoked": news}


@dataclass(frozen=True, slots=True)
class _Said:
    """What a registrar signed, and what came along."""

    covered: bytes
    signer: str
    signature: str
    crls: str
    bundle: Sequence[Certificate]


def _judged(
    question: Question, said: _Said, trusted: Sequence[Certificate], moment: dt.datetime | None
) -> tuple[Revocations, Answer]:
    """Check who says it, keep the revocation lists, and check him by these once more.

    Returns what is known to be revoked, and what came of the lists.
    """
    path = Path(question["revoked"])
    kept = revoked_file.read(path)

    def check(revoked: Revocations) -> None:
        registrar_signature.check(
            said.covered, signer=said.signer, signature=said.signature, trusted=trusted, now=moment, revoked=revoked
        )

    check(kept.known)
    lists, _ = revocation.known(said.crls.encode(), trusted)
    # Those of authorities that come with this message are no fault; they are looked at again when these are trusted.
    _, wrong = revocation.known(said.crls.encode(), [*trusted, *said.bundle])
    merged, refused = kept.known.merged(lists)
    known = merged.last_words({one.spki_digest for one in (*trusted, *said.bundle)})
    changed = known != kept.known
    if changed:
        try:
            revoked_file.write(path, known)
        except StorageError as error:  # no reason to do without a new certificate
            changed, refused = False, (*refused, error.message)
        check(known)
    return known, {"some": bool(lists), "changed": changed, "refused": [*wrong, *refused]}


def _stage_certificate(
    question: Question, reply: Reply, trusted: Sequence[Certificate], *, moment: dt.datetime, revoked: Revocations
) -> None:
    issued = certificates.read(reply.certificate.encode())
    chain.verify(issued, trusted, usage="clientAuth", now=moment, revoked=revoked)
    leaf = issued[0]
    if leaf.common_name != question["node"]:
        raise ForbiddenError(f"the certificate is for {leaf.common_name[:80]!r}, this node is {question['node']!r}")
    if leaf.key_digest != keys.digest(keys.load(Path(question["staged_key"])).public_key()):
        raise ForbiddenError("the certificate is for another key")
    durable_file.write(Path(question["staged_certificate"]), certificates.bundle(issued))


def _stage_authorities(question: Question, trusted: Sequence[Certificate], fresh: Sequence[Certificate]) -> bool:
    """Stage authorities that differ from ours. Others than authorities among them are refused."""
    staged = Path(question["staged_authorities"])
    if {one.der() for one in trusted} == {one.der() for one in fresh}:
        if staged.exists():  # a directory that cannot be written refuses to remove what is not there, too
            staged.unlink(missing_ok=True)
        return False
    for one in fresh:
        if not one.is_authority:
            raise ForbiddenError(f"{one.common_name[:80]!r} in the bundle is no authority")
    if not any(one.is_self_issued for one in fresh):
        raise ForbiddenError("the bundle has no root")
    durable_file.write(staged, certificates.bundle(fresh))
    return True


def _read(path: str) -> tuple[Certificate, ...]:
    return certificates.read(durable_file.read(Path(path), most_bytes=_MOST_BYTES), name=path)


_ANSWERS: Mapping[str, Callable[[Question], Answer]] = {
    "request": request,
    "accept": accept,
    "authorities": authorities,
}


def main() -> int:
    """Answer one question."""
    question = json.load(sys.stdin)
    try:
        answer = _ANSWERS[question["do"]](question)
    except EdgeletError as error:
        answer = {"error": error.message}
    except OSError as error:
        answer = {"error": str(error)}
    json.dump(answer, sys.stdout)
    return 0


if __name__ == "__main__":
    sys.exit(main())
