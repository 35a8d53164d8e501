"""A small JSON message of a stranger, read strictly: bounded, no key twice, no field that nobody knows."""

from __future__ import annotations

import base64
import binascii
import json
import re
from collections.abc import Iterable
from typing import Any

from edgelet.api.errors import EdgeletError

MAX_BYTES = 16 * 1024
_TOLD = 60  # characters of a stranger's words in a message of ours


class MessageError(EdgeletError):
    """A message that is not understood; `field` names the part that is wrong. HTTP 400, reason BadRequest."""

    def __init__(self, what: str, field: str, message: str) -> None:
        self.field = field
        super().__init__("BadRequest", f"cannot read the {what}: {f'{field}: ' if field else ''}{message}")


class Fields:
    """The fields of one message: each taken once by its name, then `done`."""

    def __init__(self, what: str, document: dict[str, Any]) -> None:
        """`what` names the message in errors: "join line"."""
        self.what = what
        self._left = dict(document)

    def text(
        self, name: str, *, pattern: re.Pattern[str] | None = None, limit: int = 256, optional: bool = False
    ) -> str:
        """Take a string of at most `limit` characters that the pattern matches whole; "" where it may be absent."""
        value = self._take(name, optional=optional)
        if value is None:
            return ""
        if not isinstance(value, str):
            raise self.wrong(name, "a string expected")
        if len(value) > limit:
            raise self.wrong(name, f"{len(value)} characters, at most {limit} are taken")
        if any("\ud800" <= character <= "\udfff" for character in value):
            raise self.wrong(name, "no UTF-8")
        if pattern is not None and not pattern.fullmatch(value):
            raise self.wrong(name, f"{pattern.pattern} expected")
        return value

    def integer(self, name: str, *, least: int, most: int) -> int:
        """Take a whole number within two bounds."""
        value = self._take(name, optional=False)
        if not isinstance(value, int) or isinstance(value, bool):
            raise self.wrong(name, "a whole number expected")
        if not least <= value <= most:
            raise self.wrong(name, f"not in {least}..{most}")
        return value

    def texts(self, name: str, *, most: int, limit: int, least: int = 1) -> tuple[str, ...]:
        """Take a list of `least` to `most` strings, each of at most `limit` characters."""
        value = self._take(name, optional=False)
        if not isinstance(value, list) or not least <= len(value) <= most:
            raise self.wrong(name, f"a list of {least} to {most} strings expected")
        if not all(isinstance(item, str) and len(item) <= limit for item in value):
            raise self.wrong(name, f"strings of at most {limit} characters expected")
        return tuple(value)

    def objects(self, name: str, *, most: int) -> tuple[dict[str, Any], ...]:
        """Take a list of at most `most` JSON objects, for `Fields` of their own."""
        value = self._take(name, optional=False)
        if not isinstance(value, list) or len(value) > most or not all(isinstance(item, dict) for item in value):
            raise self.wrong(name, f"a list of at most {most} objects expected")
        return tuple(value)

    def done(self) -> None:
        """Refuse what is left."""
        if self._left:
            raise self.wrong(told(sorted(self._left)), "there is no such field")

    def wrong(self, name: str, message: str) -> MessageError:
        """Return the error for a field."""
        return MessageError(self.what, name, message)

    def _take(self, name: str, *, optional: bool) -> Any:
        if name not in self._left:
            if optional:
                return None
            raise self.wrong(name, "it is missing")
        value = self._left.pop(name)
        if value is None:
            raise self.wrong(name, "null is no value")
        return value


def read(what: str, payload: bytes, *, limit_bytes: int = MAX_BYTES) -> Fields:
    """Read one JSON object.

    Raises:
        MessageError: It is none, larger than the bound, or names a key twice.
    """
    if len(payload) > limit_bytes:
        raise MessageError(what, "", f"{len(payload)} bytes, at most {limit_bytes} are taken")

    def pairs(items: list[tuple[str, Any]]) -> dict[str, Any]:
        found = dict(items)
        if len(found) != len(items):
            raise MessageError(what, "", "a key stands there twice")
        return found

    def constant(word: str) -> Any:
        raise MessageError(what, "", f"{word} is no JSON")

    try:
        document = json.loads(payload.decode("utf-8"), object_pairs_hook=pairs, parse_constant=constant)
    except (ValueError, RecursionError) as error:
        raise MessageError(what, "", "no JSON") from error
    if not isinstance(document, dict):
        raise MessageError(what, "", "a JSON object expected")
    return Fields(what, document)


def dump(document: dict[str, Any]) -> bytes:
    """Write a message, compact; what is "" is left out."""
    kept = {name: value for name, value in document.items() if value != ""}
    return json.dumps(kept, separators=(",", ":"), ensure_ascii=False).encode()


def from_base64(fields: Fields, name: str, text: str, *, url: bool = False) -> bytes:
    """Return the bytes of a field's base64; `url`: the alphabet for URLs, without padding.

    Raises:
        MessageError: It is no base64.
    """
    try:
        if url:
            data = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
        else:
            data = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError) as error:
        raise fields.wrong(name, "no base64") from error
    return data


def told(words: Iterable[str]) -> str:
    """Return a stranger's words cut short and printable."""
    text = ", ".join(words)
    text = text[:_TOLD] + ("..." if len(text) > _TOLD else "")
    return text.encode("ascii", "backslashreplace").decode()
