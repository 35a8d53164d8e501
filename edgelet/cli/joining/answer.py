"""Which answers of a registrar a joining board believes, and what it takes up."""

from __future__ import annotations

from datetime import UTC, datetime

from edgelet.adapters.x509 import certificates, chain, keys, registrar_signature, revocation
from edgelet.adapters.x509.certificates import Certificate
from edgelet.api import enrolment
from edgelet.api.enrolment import Reply, TokenKeys
from edgelet.api.errors import EdgeletError
from edgelet.api.revocations import Revocations
from edgelet.cli.failure import CliError

REFUSED = 2  # exit code: asking again changes nothing
_LATER = frozenset({429, 500, 503})
_CLOCK_OFF_S = 300
_HELP = {
    403: "the line is not known (any more), or it was changed on the way; make a new one: edgelet token create",
    409: "a line is good for one board and one key; make a new one: edgelet token create",
    410: "make a new line: edgelet token create",
}


def is_believed(reply: Reply, *, token_keys: TokenKeys, roots: tuple[Certificate, ...]) -> bool:
    """Whether the registrar wrote this: it knows the token's secret; of a refusal its signature is enough.

    A token that the registrar does not know has no secret that it could prove to have.
    """
    if reply.mac:
        return reply.is_authentic(token_keys)
    if reply.code in {enrolment.OK, enrolment.PENDING}:
        return False
    try:
        registrar_signature.check(
            reply.covered(), signer=reply.signer, signature=reply.signature, trusted=roots, now=None
        )
    except EdgeletError:
        return False
    return True


def check(reply: Reply, *, node: str, key: keys.PrivateKey) -> Revocations:
    """Check that the answer is a certificate for this name and key, which its own authorities vouch for.

    Returns what its revocation lists say.

    Raises:
        CliError: It is a refusal, or a certificate that cannot be used.
    """
    if reply.code != enrolment.OK:
        code = 1 if reply.code in _LATER else REFUSED
        help_ = _HELP.get(reply.code, "")
        raise CliError(
            f"the registrar refuses ({reply.code} {reply.reason}): {reply.message}{f'; {help_}' if help_ else ''}",
            exit_code=code,
        )
    try:
        found = certificates.read(reply.certificate.encode(), name=node)
        authorities = certificates.read(reply.ca.encode(), name="ca")
        lists, _ = revocation.known(reply.crls.encode(), authorities)
        known, _ = Revocations().merged(lists)
        chain.verify(found, authorities, usage="clientAuth", now=None, revoked=known)
        good = found[0].common_name == node and found[0].key_digest == keys.digest(key.public_key())
    except EdgeletError as error:
        raise CliError(f"the registrar sent a certificate that cannot be used: {error.message}") from error
    if not good:
        raise CliError("the registrar sent a certificate for another name or another key")
    return known


def clock_warning(reply: Reply) -> str:
    """Return a warning where the board's clock is far from the registrar's; else ""."""
    off_s = datetime.now(UTC).timestamp() - reply.time
    if abs(off_s) < _CLOCK_OFF_S:
        return ""
    return (
        f"the clock of this board is {'ahead' if off_s > 0 else 'behind'} by {abs(off_s):.0f} s: see docs/OPERATING.md"
    )
