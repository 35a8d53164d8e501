"""CRI's log format, `TIME STREAM P|F TEXT`: read, joined and written out again. Pure.

Source: Kubernetes' CRI logging design. P marks a part of a line that goes on in the next entry of the same stream.
conmon writes the board's local offset (`+00:00`); a line that is not in the format is given as it is.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime

from edgelet.ports.log_files import LogView

HELD_LIMIT_BYTES = 65536  # of one unfinished line; a longer one is given in pieces
_TIME_CHARS = 19  # 2026-01-02T03:04:05
_STREAMS = {b"stdout": "Stdout", b"stderr": "Stderr"}


@dataclass(frozen=True, slots=True)
class Entry:
    """One line of the file. `stream` "" marks one that is not in the format."""

    time: bytes
    stream: str
    partial: bool
    text: bytes


def parse(line: bytes) -> Entry:
    """Read one line of the file, without its line feed."""
    parts = line.split(b" ", 3)
    if len(parts) < 3 or parts[1] not in _STREAMS or parts[2][:1] not in (b"F", b"P"):  # noqa: PLR2004  three fields
        return Entry(b"", "", partial=False, text=line)
    text = parts[3] if len(parts) > 3 else b""  # noqa: PLR2004  an empty line has no fourth
    return Entry(parts[0], _STREAMS[parts[1]], partial=parts[2][:1] == b"P", text=text)


def is_partial(line: bytes) -> bool:
    """Whether a line of the file goes on in a later one; cheaper than `parse`."""
    parts = line.split(b" ", 3)
    return len(parts) >= 3 and parts[2][:1] == b"P" and parts[1] in _STREAMS  # noqa: PLR2004  three fields


class LineWriter:
    """From entries to what a person sees. Holds the unfinished line of each stream, bounded."""

    def __init__(self, view: LogView) -> None:
        self._view = view
        self._since = view.since.astimezone(UTC).isoformat(timespec="microseconds").encode() if view.since else b""
        self._held: dict[str, bytearray] = {}
        self._continued: set[str] = set()  # streams whose line was given in part already
        self._left = view.limit_bytes

    @property
    def full(self) -> bool:
        """Whether the bound on output is reached."""
        return self._left is not None and self._left <= 0

    def write(self, lines: Iterable[bytes]) -> bytes:
        """Return the output for lines of the file."""
        out = b"".join(self._write(lines))
        return self._bounded(out)

    def rest(self) -> bytes:
        """Return what is held of unfinished lines, at the end of the log."""
        out = b"".join(bytes(held) for held in self._held.values())
        self._held.clear()
        return self._bounded(out)

    def _write(self, lines: Iterable[bytes]) -> Iterator[bytes]:
        for line in lines:
            entry = parse(line)
            if not self._wanted(entry):
                continue
            held = self._held.get(entry.stream)
            if held is None:
                held = self._held[entry.stream] = bytearray()
                if self._view.timestamps and entry.time and entry.stream not in self._continued:
                    held += _utc(entry.time) + b" "
            held += entry.text
            if not entry.partial:
                self._continued.discard(entry.stream)
                yield bytes(held) + b"\n"
                del self._held[entry.stream]
            elif len(held) > HELD_LIMIT_BYTES:
                self._continued.add(entry.stream)
                yield bytes(held)
                del self._held[entry.stream]

    def _wanted(self, entry: Entry) -> bool:
        if self._view.stream != "All" and entry.stream not in ("", self._view.stream):
            return False
        # Both are UTC and as many digits long where it counts, so text compares as time does.
        return not self._since or not entry.time or _comparable(entry.time) >= self._since[:26]

    def _bounded(self, out: bytes) -> bytes:
        if self._left is None:
            return out
        out = out[: max(self._left, 0)]
        self._left -= len(out)
        return out


def _comparable(time: bytes) -> bytes:
    utc = _utc(time).rstrip(b"Z")
    seconds, _, fraction = utc.partition(b".")
    return seconds + b"." + fraction[:6].ljust(6, b"0")


def _utc(time: bytes) -> bytes:
    """Return the same moment in UTC with a Z, keeping all digits."""
    if time.endswith(b"Z"):
        return time
    if time.endswith(b"+00:00"):
        return time[:-6] + b"Z"
    try:
        whole = datetime.fromisoformat((time[:_TIME_CHARS] + time[-6:]).decode("ascii")).astimezone(UTC)
    except (ValueError, OverflowError):  # no time, or one that lies outside of the calendar in UTC
        return time
    return whole.isoformat()[:_TIME_CHARS].encode() + time[_TIME_CHARS:-6] + b"Z"
