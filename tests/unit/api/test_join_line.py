"""The join line: read as it was written, refused where it is anything else, and silent about its secret."""

import base64
import json
import zlib
from typing import Any

import pytest

from edgelet.api import join_line
from edgelet.api.join_line import JoinLine
from edgelet.api.strict_fields import MessageError

LINE = JoinLine(
    id="00112233aabbccdd",
    secret=bytes(range(32)),
    node="default/pi-01",
    broker="mqtts://broker.example:8884",
    link="mqtts://broker.example:8883",
    ca=(b"0\x82root",),
    user="join",
    password="joining",
    prefix="edgelet/v1",
    expires=1_800_000_000,
)


def packed(document: Any) -> str:
    data = zlib.compress(json.dumps(document).encode())
    return join_line.MARK + base64.urlsafe_b64encode(data).decode().rstrip("=")


def unpacked(text: str) -> dict[str, Any]:
    data = text.removeprefix(join_line.MARK)
    found: dict[str, Any] = json.loads(zlib.decompress(base64.urlsafe_b64decode(data + "=" * (-len(data) % 4))))
    return found


def test_a_line_is_read_as_it_was_written() -> None:
    text = join_line.encode(LINE)
    assert text.isprintable()
    assert " " not in text
    assert join_line.decode(text) == LINE


def test_a_line_that_a_mail_has_wrapped_is_still_the_line() -> None:
    text = join_line.encode(LINE)
    assert join_line.decode(f"  {text[:70]}\r\n  {text[70:]}\n") == LINE


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("id", "x"),
        ("secret", "AAAA"),
        ("secret", "!" * 43),
        ("node", "default/_ctl"),
        ("broker", "mqtt://broker:1883"),
        ("broker", "mqtts://user:password@broker:1"),
        ("broker", "mqtts://broker"),
        ("broker", "mqtts://broker:99999"),
        ("link", "https://broker:1"),
        ("link", "mqtts://bro\nker:1"),
        ("ca", []),
        ("ca", [""]),
        ("ca", ["AAAA"] * 5),
        ("ca", "AAAA"),
        ("password", 1),
        ("prefix", "edgelet/#"),
        ("expires", -1),
        ("expires", 1.5),
        ("more", "x"),
    ],
)
def test_what_is_wrong_in_a_line_is_named(field: str, value: Any) -> None:
    with pytest.raises(MessageError) as refused:
        join_line.decode(packed({**unpacked(join_line.encode(LINE)), field: value}))
    assert refused.value.field == field


def test_a_line_that_is_cut_short_or_changed_is_refused() -> None:
    text = join_line.encode(LINE)
    for wrong in ("", "edgelet1.", text[:-8], text + "AAAA", text.replace("edgelet1", "edgelet2"), text[:60] + "!"):
        with pytest.raises(MessageError):
            join_line.decode(wrong)


def test_a_small_line_that_unfolds_to_much_is_refused() -> None:
    bomb = base64.urlsafe_b64encode(zlib.compress(b"0" * 4_000_000, 9)).decode()
    assert len(bomb) < join_line.MAX_CHARACTERS
    with pytest.raises(MessageError, match="more than 16384 bytes"):
        join_line.decode(join_line.MARK + bomb)


def test_neither_repr_nor_error_shows_the_secret() -> None:
    document = unpacked(join_line.encode(LINE))
    with pytest.raises(MessageError) as refused:
        join_line.decode(packed({**document, "node": "UPPER/x"}))
    for text in (repr(LINE), str(refused.value)):
        assert document["secret"] not in text
        assert "joining" not in text
        assert repr(LINE.secret) not in text


def test_the_roots_are_a_pem_bundle() -> None:
    pem = join_line.ca_pem(LINE)
    assert pem.startswith(b"-----BEGIN CERTIFICATE-----\n")
    assert base64.b64decode(b"".join(pem.splitlines()[1:-1])) == LINE.ca[0]
