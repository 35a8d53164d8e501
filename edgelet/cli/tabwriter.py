"""Elastic tab stops: text whose columns are ended by tabs, aligned block by block.

A column is a run of neighbouring lines that have a tab-ended cell there; the last cell of a line belongs to no column.
Source: Go's text/tabwriter, which kubectl prints with.
"""

from __future__ import annotations

from collections.abc import Sequence
from unicodedata import east_asian_width


def align(text: str, *, minimum_width: int = 0, padding: int = 2) -> str:
    """The text with tabs turned into spaces; it ends with a newline unless it is empty."""
    if not text:
        return ""
    lines = [line.split("\t") for line in text.removesuffix("\n").split("\n")]
    widths: list[list[int]] = [[] for _ in lines]
    _measure(lines, widths, 0, len(lines), minimum_width=minimum_width, padding=padding)
    return "".join(_line(cells, columns) for cells, columns in zip(lines, widths, strict=True))


def table(rows: Sequence[Sequence[str]], widths: Sequence[int] = ()) -> tuple[str, tuple[int, ...]]:
    """Rows of one table with kubectl's widths (at least 6, three spaces between), and the widths that came of them.

    `widths` are those of rows printed before: columns never get narrower.
    """
    if not rows:
        return "", tuple(widths)
    before = [*widths, *[0] * (len(rows[0]) - 1 - len(widths))]
    new = [max(6, before[at], *(_width(row[at]) + 3 for row in rows)) for at in range(len(rows[0]) - 1)]
    return "".join(_line(list(row), new) for row in rows), tuple(new)


def _measure(
    lines: list[list[str]], widths: list[list[int]], first: int, end: int, *, minimum_width: int, padding: int
) -> None:
    """Give the lines first..end, which share their columns so far, the columns that follow."""
    column = len(widths[first]) if first < end else 0
    at = first
    while at < end:
        if column >= len(lines[at]) - 1:
            at += 1
            continue
        start = at
        while at < end and column < len(lines[at]) - 1:
            at += 1
        width = max(minimum_width, *(_width(lines[row][column]) + padding for row in range(start, at)))
        for row in range(start, at):
            widths[row].append(width)
        _measure(lines, widths, start, at, minimum_width=minimum_width, padding=padding)


def _width(cell: str) -> int:
    return len(cell) if cell.isascii() else sum(1 + (east_asian_width(letter) in "WF") for letter in cell)


def _line(cells: list[str], widths: list[int]) -> str:
    padded = [cell + " " * (width - _width(cell)) for cell, width in zip(cells, widths, strict=False)]
    return "".join(padded) + "".join(cells[len(widths) :]) + "\n"
