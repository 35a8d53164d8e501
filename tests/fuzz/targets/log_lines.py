"""A log file of a container: text for people, whatever is in it."""

from __future__ import annotations

import os
import tempfile
from datetime import UTC, datetime

from edgelet.adapters.host.log_lines import LineWriter
from edgelet.adapters.host.log_tail import tail_place
from edgelet.ports.log_files import LogView

_SINCE = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
_VIEWS = (
    LogView(),
    LogView(timestamps=True, since=_SINCE),
    LogView(stream="Stderr", limit_bytes=100),
)


def try_input(data: bytes) -> None:
    """No view gives more than was said, and the whole of it is lines."""
    lines = data.split(b"\n")
    for view in _VIEWS:
        writer = LineWriter(view)
        shown = writer.write(lines) + writer.rest()
        assert view.limit_bytes is None or len(shown) <= view.limit_bytes
        assert len(shown) <= 2 * len(data) + len(lines) + 1
    with tempfile.TemporaryFile() as file:
        file.write(data)
        file.flush()
        for count in (0, 1, 3):
            begin, missing = tail_place(file.fileno(), count)
            assert 0 <= begin <= os.fstat(file.fileno()).st_size
            assert 0 <= missing <= count
