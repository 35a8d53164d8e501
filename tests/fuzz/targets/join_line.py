"""A join line as somebody pastes it, or the JSON that would be in one."""

from __future__ import annotations

import base64
import zlib

from edgelet.api import join_line
from edgelet.api.strict_fields import MessageError


def try_input(data: bytes) -> None:
    """A line that is read can be written and read again, and never says its secret."""
    inside = base64.urlsafe_b64encode(zlib.compress(data, 1)).decode().rstrip("=")
    for text in (data.decode("utf-8", "replace"), join_line.MARK + inside):
        try:
            line = join_line.decode(text)
        except MessageError:
            continue
        assert join_line.decode(join_line.encode(line)) == line
        assert repr(line.secret) not in repr(line)
        assert join_line.ca_pem(line).startswith(b"-----BEGIN CERTIFICATE-----\n")
