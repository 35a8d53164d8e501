"""Where the last N lines of a log begin, found from the end: a tail of 10 lines reads one block, not 10 MiB."""

from __future__ import annotations

import os
from collections.abc import Iterator

from edgelet.adapters.host.log_lines import is_partial

BLOCK_BYTES = 65536


def tail_place(descriptor: int, lines: int) -> tuple[int, int]:
    """Return the offset at which the last `lines` whole lines begin, and how many of them the file does not have.

    A line that was written in parts counts once; parts with no end yet, at the end of the file, count as one line.
    Blocking: call it in a thread. Raises OSError.
    """
    size = os.fstat(descriptor).st_size
    if lines <= 0:
        return size, 0
    found, begin = 0, size
    for start, entry in _entries_from_end(descriptor, size):
        if begin == size or not is_partial(entry):
            found += 1
        if found > lines:
            return begin, 0
        begin = start
    return 0, lines - found


def _entries_from_end(descriptor: int, size: int) -> Iterator[tuple[int, bytes]]:
    """Give (offset, entry) from the last to the first, a block at a time."""
    position, cut = size, b""  # `cut`: the rest of an entry whose beginning is in the block before
    while position > 0:
        start = max(0, position - BLOCK_BYTES)
        block = os.pread(descriptor, position - start, start) + cut
        pieces = block.split(b"\n")
        at = start + len(block)
        for piece in reversed(pieces[1:]):
            at -= len(piece)
            if piece or at < size:  # behind the last line feed there is no entry
                yield at, piece
            at -= 1
        cut, position = pieces[0], start
    if size > 0:
        yield 0, cut
