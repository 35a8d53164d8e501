"""The line that takes a board into a fleet: where to ask, whom to trust, and the secret of a one-time token."""

from __future__ import annotations

import base64
import json
import re
import zlib
from collections.abc import Callable
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from edgelet.api import node_name, strict_fields, topic_prefix
from edgelet.api.strict_fields import Fields, MessageError

MARK = "edgelet1."
MAX_CHARACTERS = 12 * 1024
SECRET_BYTES = 32
_WHAT = "join line"
_ID = re.compile(r"[0-9a-f]{16}")
_MAX_CERTIFICATES = 4
_MAX_CERTIFICATE_CHARACTERS = 4096
_MAX_TIME_S = 2**40


@dataclass(frozen=True, slots=True, kw_only=True)
class JoinLine:
    """What `edgelet token create` prints. Its repr shows no secret."""

    id: str  # of the token, 16 hex digits; no secret
    secret: bytes = field(repr=False)  # 32 bytes; never travels
    node: str  # TENANT/NAME
    broker: str  # mqtts:// of the join listener
    link: str  # mqtts:// of the listener for boards with a certificate
    ca: tuple[bytes, ...] = field(repr=False)  # DER of the root certificates
    user: str  # at the join listener; everybody's, it opens nothing but the topics of joining
    password: str = field(repr=False)
    prefix: str
    expires: int  # Unix seconds


def encode(line: JoinLine) -> str:
    """Return the one line."""
    document = {
        "id": line.id,
        "secret": base64.urlsafe_b64encode(line.secret).decode().rstrip("="),
        "node": line.node,
        "broker": line.broker,
        "link": line.link,
        "ca": [base64.b64encode(certificate).decode() for certificate in line.ca],
        "user": line.user,
        "password": line.password,
        "prefix": line.prefix,
        "expires": line.expires,
    }
    data = zlib.compress(json.dumps(document, separators=(",", ":")).encode(), 9)
    return MARK + base64.urlsafe_b64encode(data).decode().rstrip("=")


def decode(text: str) -> JoinLine:
    """Read a line; white space around it and line breaks that a mail put into it do not matter.

    Raises:
        MessageError: It is none, cut short, or a field of it is wrong. The message shows nothing of the line.
    """
    if len(text) > MAX_CHARACTERS:
        raise MessageError(_WHAT, "", f"{len(text)} characters, at most {MAX_CHARACTERS} are taken")
    text = "".join(text.split())
    if not text.startswith(MARK):
        raise MessageError(_WHAT, "", f"it has to begin with {MARK}")
    fields = strict_fields.read(_WHAT, _inflated(text.removeprefix(MARK)))
    line = JoinLine(
        id=fields.text("id", pattern=_ID),
        secret=_secret(fields),
        node=_checked(fields, "node", node_name.fault),
        broker=_checked(fields, "broker", _url_fault),
        link=_checked(fields, "link", _url_fault),
        ca=_certificates(fields),
        user=fields.text("user", limit=64, optional=True),
        password=fields.text("password", limit=128, optional=True),
        prefix=_checked(fields, "prefix", topic_prefix.fault),
        expires=fields.integer("expires", least=0, most=_MAX_TIME_S),
    )
    fields.done()
    return line


def ca_pem(line: JoinLine) -> bytes:
    """Return the roots as a PEM bundle."""
    return b"".join(_pem(certificate) for certificate in line.ca)


def _pem(der: bytes) -> bytes:
    text = base64.b64encode(der)
    rows = b"".join(text[at : at + 64] + b"\n" for at in range(0, len(text), 64))
    return b"-----BEGIN CERTIFICATE-----\n" + rows + b"-----END CERTIFICATE-----\n"


def _inflated(text: str) -> bytes:
    """Return the JSON, never more than the bound whatever the compressed bytes say."""
    fields = Fields(_WHAT, {})
    data = strict_fields.from_base64(fields, "", text, url=True)
    inflater = zlib.decompressobj()
    try:
        plain = inflater.decompress(data, strict_fields.MAX_BYTES + 1)
    except zlib.error as error:
        raise fields.wrong("", "it is cut short or changed") from error
    if len(plain) > strict_fields.MAX_BYTES:
        raise fields.wrong("", f"more than {strict_fields.MAX_BYTES} bytes are in it")
    if not inflater.eof or inflater.unused_data:
        raise fields.wrong("", "it is cut short or something follows it")
    return plain


def _secret(fields: Fields) -> bytes:
    secret = strict_fields.from_base64(fields, "secret", fields.text("secret", limit=64), url=True)
    if len(secret) != SECRET_BYTES:
        raise fields.wrong("secret", f"{SECRET_BYTES} bytes expected")
    return secret


def _certificates(fields: Fields) -> tuple[bytes, ...]:
    texts = fields.texts("ca", most=_MAX_CERTIFICATES, limit=_MAX_CERTIFICATE_CHARACTERS)
    found = tuple(strict_fields.from_base64(fields, "ca", text) for text in texts)
    if not all(found):
        raise fields.wrong("ca", "an empty certificate")
    return found


def _checked(fields: Fields, name: str, fault: Callable[[str], str | None]) -> str:
    value = fields.text(name)
    if found := fault(value):
        raise fields.wrong(name, found)
    return value


def _url_fault(value: str) -> str | None:
    """Return what is wrong with mqtts://HOST:PORT; None for a good one."""
    expected = "mqtts://HOST:PORT expected"
    try:
        parts = urlsplit(value)
        port = parts.port
    except ValueError:
        return expected
    plain = parts.path in {"", "/"} and not parts.query and not parts.fragment and "@" not in parts.netloc
    clean = value.isascii() and value.isprintable() and " " not in value
    return None if parts.scheme == "mqtts" and parts.hostname and port and plain and clean else expected
