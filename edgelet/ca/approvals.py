"""Requests that wait for a person: put on the desk, approved, denied."""

from __future__ import annotations

from edgelet.adapters.x509 import requests
from edgelet.adapters.x509.errors import invalid
from edgelet.api import identity
from edgelet.api.errors import NotFoundError
from edgelet.ca import desk
from edgelet.ca.authority import Authority
from edgelet.ca.records import Issued, SigningRequest


def ask(authority: Authority, csr_pem: bytes, common_name: str, *, kind: str, origin: str) -> SigningRequest:
    """Put a request on the desk for a person; the same name and key again is the same request.

    `kind` is join or renew, `origin` says in words who brought it. Raises InvalidObjectError, ConflictError.
    """
    identity.parse(common_name)
    request = requests.read(csr_pem, name=common_name)
    if request.common_name != common_name:
        raise invalid(requests.KIND, common_name, "subject", "asks for another name")
    with authority.database.transaction():
        return desk.ask(
            authority.database,
            common_name=common_name,
            key_digest=request.key_digest,
            csr_pem=csr_pem,
            kind=kind,
            origin=origin,
            at=authority.now(),
        )


def approve(authority: Authority, request_id: str) -> Issued:
    """Issue what a request asks for; again for one that was approved: the same certificate.

    Raises:
        NotFoundError: No such request.
        ConflictError: It was denied.
        Further as `Authority.issue_node` does.
    """
    with authority.database.transaction():
        request = desk.find(authority.database, request_id)
        if request.state == desk.APPROVED:
            known = authority.find(request.serial)
            if known is None:
                raise NotFoundError(f"there is no certificate of request {request_id}")
            return known.issued
        issued = authority.issue_client(
            request.csr_pem, request.common_name, reason=f"{request.kind}, approved by {authority.actor}"
        )
        _decide(authority, request, state=desk.APPROVED, serial=issued.serial)
        authority.note("approve", request.common_name, detail={"request": request_id, "serial": issued.serial})
        return issued


def deny(authority: Authority, request_id: str, *, message: str = "") -> SigningRequest:
    """Refuse a request for good. Raises NotFoundError, and ConflictError where it was approved."""
    with authority.database.transaction():
        request = desk.find(authority.database, request_id)
        decided = _decide(authority, request, state=desk.DENIED, message=message)
        authority.note("deny", request.common_name, detail={"request": request_id, "message": message})
        return decided


def _decide(
    authority: Authority, request: SigningRequest, *, state: str, message: str = "", serial: str = ""
) -> SigningRequest:
    return desk.decide(
        authority.database,
        request,
        state=state,
        by=authority.actor,
        at=authority.now(),
        message=message,
        serial=serial,
    )
