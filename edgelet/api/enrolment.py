"""What a board and the registrar say to each other: asking for a certificate, for a new one, for the time.

Who asks proves it: a board that joins by the secret of its token, which never travels, one that renews by its present
key. Who answers proves it too: each reply is signed by a registrar, and one to a joiner is MACed with that secret.
Revocation lists come along with what one shall trust.
"""

from __future__ import annotations

import hashlib
import hmac
import re
from dataclasses import dataclass, replace
from typing import Literal

from edgelet.api import node_name, pae, strict_fields
from edgelet.api.strict_fields import Fields, MessageError

VERSION = 1
MAX_CSR_CHARACTERS = 4096
MAX_CERTIFICATES_CHARACTERS = 11 * 1024  # of a chain or a bundle, PEM: 13 certificates or so
MAX_REPLY_BYTES = 24 * 1024  # the broker for joining takes 32 KiB with everything around it
MAX_REPLY_CRLS_CHARACTERS = 8 * 1024  # 120 revoked certificates or so
MAX_NOTICE_BYTES = 64 * 1024
MAX_NOTICE_CRLS_CHARACTERS = 40 * 1024  # 700 or so
NONCE_CHARACTERS = 32
OK, PENDING = 200, 202
_CONTEXT = b"edgelet enrolment v1"
_REQUEST_KEY, _REPLY_KEY = b"edgelet join request", b"edgelet join reply"
_NONCE = re.compile(r"[0-9a-f]{32}")
_TOKEN = re.compile(r"[0-9a-f]{16}")
_MAC = re.compile(r"[0-9a-f]{64}")
_REASON = re.compile(r"[A-Za-z]{0,64}")
_SIGNATURE = re.compile(r"[A-Za-z0-9+/]{1,172}={0,2}")
_BLOCK = r"-----BEGIN {0}-----\n(?:[A-Za-z0-9+/=]{{1,76}}\n){{1,{1}}}-----END {0}-----\n"
_CSR = re.compile(_BLOCK.format("CERTIFICATE REQUEST", 160))
_CERTIFICATES = re.compile(rf"(?:{_BLOCK.format('CERTIFICATE', 160)}){{1,16}}")
_CRLS = re.compile(rf"(?:{_BLOCK.format('X509 CRL', 700)}){{1,16}}")
_MAX_TIME_S = 2**40


@dataclass(frozen=True, slots=True)
class TokenKeys:
    """What of a token's secret is needed to check a request and to answer it; the secret does not follow from them."""

    request: bytes
    reply: bytes


def token_keys(secret: bytes) -> TokenKeys:
    """Derive both keys. Source: HKDF-Expand of RFC 5869, one block each; the secret is 32 random bytes already."""
    return TokenKeys(*(hmac.digest(secret, label + b"\x01", "sha256") for label in (_REQUEST_KEY, _REPLY_KEY)))


@dataclass(frozen=True, slots=True, kw_only=True)
class JoinRequest:
    """A first certificate, for a board that has a token. PEM and hex are text, as on the wire."""

    token: str
    node: str  # TENANT/NAME
    csr: str
    nonce: str
    mac: str = ""

    def covered(self) -> bytes:
        """Return the bytes that the MAC is over."""
        return _covered("join", self.token, self.node, self.csr, self.nonce)

    def maced(self, keys: TokenKeys) -> JoinRequest:
        """Return the request with its MAC."""
        return replace(self, mac=hmac.new(keys.request, self.covered(), hashlib.sha256).hexdigest())

    def is_authentic(self, keys: TokenKeys) -> bool:
        """Whether someone made it who knows the token's secret."""
        return hmac.compare_digest(self.mac, self.maced(keys).mac)


@dataclass(frozen=True, slots=True, kw_only=True)
class RenewRequest:
    """A new certificate, for a board that has one, expired or not. The new key is the CSR's, the old one signs."""

    node: str
    csr: str
    nonce: str
    certificate: str  # the present one, PEM; intermediates may follow
    signature: str = ""  # base64 of ECDSA-SHA256 (DER) by the present key over `covered`

    def covered(self) -> bytes:
        """Return the bytes that the present key signs."""
        return _covered("renew", self.node, self.csr, self.nonce)


@dataclass(frozen=True, slots=True, kw_only=True)
class TimeRequest:
    """The time, signed. Anybody may ask."""

    nonce: str


Request = JoinRequest | RenewRequest | TimeRequest


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """An answer. Code 200 and a certificate: issued. 200 without: the time alone. 202: wait, ask again. Else: no."""

    nonce: str  # the request's
    code: int
    time: int  # of the registrar, Unix seconds
    reason: str = ""  # Kubernetes' word: Forbidden, Conflict, Invalid, Expired, TooManyRequests ...
    message: str = ""
    certificate: str = ""  # PEM: the board's, then the issuing authority's
    ca: str = ""  # PEM bundle: what the board is to trust from now on
    crls: str = ""  # PEM: revocation lists; one that does not fit is left out
    signer: str = ""  # PEM: the registrar's certificate and what leads to the root
    signature: str = ""  # base64 of ECDSA-SHA256 (DER) by the registrar's key over `covered`
    mac: str = ""  # to a joiner that proved to have the secret

    def covered(self) -> bytes:
        """Return the bytes that the registrar signs."""
        granted = (self.certificate, self.ca, self.crls)
        return _covered("reply", self.nonce, str(self.code), *granted, str(self.time), self.reason, self.message)

    def maced(self, keys: TokenKeys) -> Reply:
        """Return the reply with its MAC, which is over the signature too: sign first."""
        covered = pae.encode(self.covered(), self.signer.encode(), self.signature.encode())
        return replace(self, mac=hmac.new(keys.reply, covered, hashlib.sha256).hexdigest())

    def is_authentic(self, keys: TokenKeys) -> bool:
        """Whether the registrar that made the token's secret, or one beside it, wrote it."""
        return hmac.compare_digest(self.mac, self.maced(keys).mac)


@dataclass(frozen=True, slots=True, kw_only=True)
class CaBundle:
    """Which authorities to trust from now on and what is revoked, signed by a registrar that the ones before vouch for.

    Retained.
    """

    bundle: str  # PEM
    epoch: int  # a board takes up a higher one only
    crls: str = ""  # PEM: revocation lists; each has a number of its own
    signer: str = ""
    signature: str = ""

    def covered(self) -> bytes:
        """Return the bytes that the registrar signs."""
        return _covered("ca", self.bundle, self.crls, str(self.epoch))


def encode_request(request: Request) -> bytes:
    """Return the message for `csr`."""
    match request:
        case JoinRequest():
            kind: Literal["join", "renew", "time"] = "join"
        case RenewRequest():
            kind = "renew"
        case TimeRequest():
            kind = "time"
    return strict_fields.dump({"v": VERSION, "kind": kind, **_fields_of(request)})


def decode_request(payload: bytes) -> Request:
    """Read what came on `csr`.

    Raises:
        MessageError: It is none; the field is named.
    """
    fields = strict_fields.read("request", payload)
    fields.integer("v", least=VERSION, most=VERSION)
    kind = fields.text("kind", pattern=re.compile("join|renew|time"))
    nonce = fields.text("nonce", pattern=_NONCE)
    request: Request
    if kind == "time":
        request = TimeRequest(nonce=nonce)
    elif kind == "join":
        request = JoinRequest(
            nonce=nonce,
            token=fields.text("token", pattern=_TOKEN),
            node=_node(fields),
            csr=_pem(fields, "csr", _CSR, MAX_CSR_CHARACTERS),
            mac=fields.text("mac", pattern=_MAC),
        )
    else:
        request = RenewRequest(
            nonce=nonce,
            node=_node(fields),
            csr=_pem(fields, "csr", _CSR, MAX_CSR_CHARACTERS),
            certificate=_pem(fields, "certificate", _CERTIFICATES, MAX_CERTIFICATES_CHARACTERS),
            signature=fields.text("signature", pattern=_SIGNATURE),
        )
    fields.done()
    return request


def encode_reply(reply: Reply) -> bytes:
    """Return the message for `cert` or `cert/issued/<id>`."""
    return strict_fields.dump({"v": VERSION, **_fields_of(reply)})


def decode_reply(payload: bytes) -> Reply:
    """Read an answer. Nothing of it is believed yet: see `is_authentic`, and the signer's chain and signature.

    Raises:
        MessageError: It is none; the field is named.
    """
    fields = strict_fields.read("reply", payload, limit_bytes=MAX_REPLY_BYTES)
    fields.integer("v", least=VERSION, most=VERSION)
    reply = Reply(
        nonce=fields.text("nonce", pattern=_NONCE),
        code=fields.integer("code", least=200, most=599),
        time=fields.integer("time", least=0, most=_MAX_TIME_S),
        reason=fields.text("reason", pattern=_REASON, optional=True),
        message=fields.text("message", limit=1024, optional=True),
        certificate=_pem(fields, "certificate", _CERTIFICATES, MAX_CERTIFICATES_CHARACTERS, optional=True),
        ca=_pem(fields, "ca", _CERTIFICATES, MAX_CERTIFICATES_CHARACTERS, optional=True),
        crls=_pem(fields, "crls", _CRLS, MAX_REPLY_CRLS_CHARACTERS, optional=True),
        signer=_pem(fields, "signer", _CERTIFICATES, MAX_CERTIFICATES_CHARACTERS, optional=True),
        signature=fields.text("signature", pattern=_SIGNATURE, optional=True),
        mac=fields.text("mac", pattern=_MAC, optional=True),
    )
    fields.done()
    return reply


def encode_ca(bundle: CaBundle) -> bytes:
    """Return the message for `cert/issued/ca`."""
    return strict_fields.dump({"v": VERSION, **_fields_of(bundle)})


def decode_ca(payload: bytes) -> CaBundle:
    """Read what lies on `cert/issued/ca`; the signer's chain and signature are for the caller to check.

    Raises:
        MessageError: It is none; the field is named.
    """
    fields = strict_fields.read("CA bundle", payload, limit_bytes=MAX_NOTICE_BYTES)
    fields.integer("v", least=VERSION, most=VERSION)
    bundle = CaBundle(
        bundle=_pem(fields, "bundle", _CERTIFICATES, MAX_CERTIFICATES_CHARACTERS),
        epoch=fields.integer("epoch", least=0, most=_MAX_TIME_S),
        crls=_pem(fields, "crls", _CRLS, MAX_NOTICE_CRLS_CHARACTERS, optional=True),
        signer=_pem(fields, "signer", _CERTIFICATES, MAX_CERTIFICATES_CHARACTERS),
        signature=fields.text("signature", pattern=_SIGNATURE),
    )
    fields.done()
    return bundle


def nonce_of(payload: bytes) -> str:
    """Return the nonce of a request that is otherwise not understood, so that its answer finds its way; or ""."""
    try:
        return strict_fields.read("request", payload).text("nonce", pattern=_NONCE)
    except MessageError:
        return ""


def _covered(*parts: str) -> bytes:
    return pae.encode(_CONTEXT, *(part.encode() for part in parts))


def _fields_of(value: Request | Reply | CaBundle) -> dict[str, str | int]:
    return {name: getattr(value, name) for name in value.__slots__}


def _node(fields: Fields) -> str:
    node = fields.text("node", limit=node_name.MAX_CHARACTERS)
    if found := node_name.fault(node):
        raise fields.wrong("node", found)
    return node


def _pem(fields: Fields, name: str, pattern: re.Pattern[str], limit: int, *, optional: bool = False) -> str:
    text = fields.text(name, limit=limit, optional=optional)
    if text and not pattern.fullmatch(text):
        raise fields.wrong(name, "PEM expected")
    if not text and not optional:
        raise fields.wrong(name, "it is empty")
    return text
