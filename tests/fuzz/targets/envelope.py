r"""A message in signed mode, `sig keyid\npayload` or an envelope: it is opened or refused, whatever the keys say."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from edgelet.api import dsse
from edgelet.api.errors import DecodeError, EdgeletError
from edgelet.intake import envelope
from edgelet.ports.bus import Message
from tests.fuzz import house

_TOPIC = "edgelet/v1/default/board/desired/pods/default/web"
_LIMIT_BYTES = 4096


class _AnyKey(Mapping[str, bytes]):
    """Every key is trusted: what comes behind the signature is tried too."""

    def __getitem__(self, key_id: str) -> bytes:
        return b"k" * dsse.PUBLIC_KEY_BYTES

    def __contains__(self, key_id: object) -> bool:
        return True

    def __iter__(self) -> Iterator[str]:
        return iter(())

    def __len__(self) -> int:
        return 0


def try_input(data: bytes) -> None:
    """Open it with every key and with none, with signatures that hold and that do not."""
    head, _, payload = data.partition(b"\n")
    signature, _, key_id = head.decode("utf-8", "replace").partition(" ")
    _try(data, {})
    _try(payload, {dsse.SIGNATURE: signature, dsse.KEY_ID: key_id})
    whole = dsse.Signature(key_id, b"s" * dsse.SIGNATURE_BYTES)
    _try(dsse.encode(dsse.Envelope("t", payload, (dsse.Signature("", head), whole))), {})
    try:
        read = dsse.decode(data)
    except DecodeError:
        return
    assert dsse.decode(dsse.encode(read)) == read


def _try(payload: bytes, properties: Mapping[str, str]) -> None:
    message = Message("desired/pods/default/web", payload, 1, False, 1, 1, properties)
    keys: tuple[Mapping[str, bytes], ...] = (_AnyKey(), {})
    for trusted in keys:
        for holds in (True, False):
            try:
                verify = _always if holds else _never
                opened = envelope.opened(message, topic=_TOPIC, keys=trusted, verify=verify, limit_bytes=_LIMIT_BYTES)
            except EdgeletError as error:
                house.check_refusal(error)
                continue
            assert holds, "a signature that does not hold opened it"
            assert isinstance(trusted, _AnyKey), "no key is trusted"
            assert len(opened.payload) <= _LIMIT_BYTES


def _always(_key: bytes, _signature: bytes, _message: bytes) -> bool:
    return True


def _never(_key: bytes, _signature: bytes, _message: bytes) -> bool:
    return False
