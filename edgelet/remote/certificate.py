"""/edgelet/v1/certificate: the node's own certificate, and a word that it is to be renewed now."""

from __future__ import annotations

import logging

from edgelet.api.errors import EdgeletError
from edgelet.ports.kept_certificate import KeptCertificate
from edgelet.ports.local_api import Answer, Request, json_response
from edgelet.remote import refusal

log = logging.getLogger(__name__)

PATH = ("edgelet", "v1", "certificate")


def answer(request: Request, certificate: KeptCertificate | None) -> Answer:
    """GET describes it, POST of renew asks for a new one. Raises EdgeletError."""
    action = request.segments[len(PATH) :]
    if action not in {(), ("renew",)}:
        raise refusal.no_such_path()
    if certificate is None:
        message = "this node has no certificate of its own: see `edgelet join --help`"
        raise refusal.RefusedError(404, "NotFound", message)
    wanted = "POST" if action else "GET"
    if request.method != wanted:
        raise refusal.method_not_allowed(request.method, allowed=(wanted,))
    if action:
        try:
            certificate.renew_soon()
        except EdgeletError as error:
            raise refusal.RefusedError(405, "MethodNotAllowed", error.message) from error
        log.info("a new certificate is asked for by the local API", extra={"peer": str(request.peer)})
    return json_response(200, certificate.describe())
