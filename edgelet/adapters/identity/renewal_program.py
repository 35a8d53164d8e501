"""Everything of a renewal that needs a library for X.509; run by `child`, one question on stdin, one answer on stdout.

Keys never leave the files: the new one is made here and written here.
"""

from __future__ import annotations

import datetime as dt
import json
import secrets
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from edgelet.adapters.x509 import certificates, chain, durable_file, keys, registrar_signature, requests
from edgelet.adapters.x509.certificates import Certificate
from edgelet.api import enrolment
from edgelet.api.enrolment import RenewRequest, Reply
from edgelet.api.errors import EdgeletError, ForbiddenError

_MOST_BYTES = 64 * 1024
_EPOCHS_AT_ONCE = 1000  # one for each change of the bundle

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
    # Its certificate has to be good at the time that it tells itself: an old key cannot tell today's.
    moment = dt.datetime.fromtimestamp(reply.time, dt.UTC)
    if reply.nonce != question["nonce"]:
        raise ForbiddenError("the answer is to another question")
    trusted = _read(question["authorities"])
    if not reply.signer or not reply.signature:
        raise ForbiddenError(f"the answer is not signed; it says {reply.code} {reply.reason}: {reply.message}")
    registrar_signature.check(
        reply.covered(), signer=reply.signer, signature=reply.signature, trusted=trusted, now=moment
    )
    answer: Answer = {"code": reply.code, "time": reply.time, "reason": reply.reason, "message": reply.message}
    if reply.code != enrolment.OK:
        return answer
    fresh = certificates.read(reply.ca.encode()) if reply.ca else trusted
    if reply.certificate:
        _stage_certificate(question, reply, [*trusted, *fresh], moment)
    authorities = _stage_authorities(question, trusted, fresh)
    return answer | {"certificate": bool(reply.certificate), "authorities": authorities}


def authorities(question: Question) -> Answer:
    """Check a message about authorities, and stage them."""
    message = enrolment.decode_ca(question["message"].encode())
    if message.epoch <= question["epoch"]:
        return {"epoch": None}
    if message.epoch > question["epoch"] + _EPOCHS_AT_ONCE:  # believed, it would shut out all true ones after it
        raise ForbiddenError(f"epoch {message.epoch} of the authorities is too far from {question['epoch']}")
    trusted = _read(question["authorities"])
    registrar_signature.check(
        message.covered(), signer=message.signer, signature=message.signature, trusted=trusted, now=None
    )
    at_least = dt.datetime.fromtimestamp(question["at_least"], dt.UTC)
    for one in certificates.read(message.signer.encode(), name="signer"):
        if one.not_after < at_least:  # a key that leaked is worth nothing after its end
            raise ForbiddenError(f"cannot believe {one.common_name} about authorities: its certificate has ended")
    changed = _stage_authorities(question, trusted, certificates.read(message.bundle.encode()))
    return {"epoch": message.epoch, "changed": changed}


def _stage_certificate(question: Question, reply: Reply, trusted: Sequence[Certificate], moment: dt.datetime) -> None:
    issued = certificates.read(reply.certificate.encode())
    chain.verify(issued, trusted, usage="clientAuth", now=moment)
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
