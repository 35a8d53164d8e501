"""What was measured, as values: medians, ratios, and one table of them. Pure."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """A bound on a figure's median, or on its ratio to what was measured beside it in the same run."""

    at_most: float
    of: Literal["median", "ratio"] = "median"


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """One measured quantity; `beside` are the samples of the competitor from the same run, if there is one."""

    name: str
    unit: str
    samples: tuple[float, ...]
    beside: tuple[float, ...] = ()
    target: Target | None = None

    @property
    def median(self) -> float:
        return statistics.median(self.samples)

    @property
    def ratio(self) -> float | None:
        """Median to median; None where nothing stands beside it or that is nothing."""
        other = statistics.median(self.beside) if self.beside else 0.0
        return self.median / other if other else None

    @property
    def met(self) -> bool | None:
        """Whether the target is met; None without a target, or without what it is a ratio to."""
        if self.target is None:
            return None
        judged = self.median if self.target.of == "median" else self.ratio
        return None if judged is None else judged <= self.target.at_most

    def to_document(self) -> dict[str, Any]:
        """Return it for a file: everything that was seen, and what was made of it."""
        document: dict[str, Any] = {
            "name": self.name,
            "unit": self.unit,
            "median": _rounded(self.median),
            "samples": [_rounded(one) for one in self.samples],
        }
        if self.ratio is not None:
            document |= {"beside": [_rounded(one) for one in self.beside], "ratio": _rounded(self.ratio)}
        if self.target is not None:
            document["target"] = {"atMost": self.target.at_most, "of": self.target.of, "met": self.met}
        return document


def table(figures: Sequence[Figure]) -> str:
    """Return lines of equal columns: what, median, spread, the same of the competitor, ratio, target."""
    head = ("what", "median", "min..max", "beside", "ratio", "target", "")
    rows = [head, *(_row(one) for one in figures)]
    widths = [max(len(row[column]) for row in rows) for column in range(len(head))]
    lines = [
        "  ".join(
            cell.ljust(width) if column == 0 else cell.rjust(width) for column, (cell, width) in _cells(row, widths)
        )
        for row in rows
    ]
    return "\n".join(line.rstrip() for line in (lines[0], "-" * len(lines[0]), *lines[1:]))


def number(value: float) -> str:
    """Return three significant digits, never an exponent."""
    if value == 0:
        return "0"
    for bound, digits in ((100, 0), (10, 1), (1, 2)):
        if abs(value) >= bound:
            return f"{value:.{digits}f}"
    return f"{value:.3f}"


def _cells(row: tuple[str, ...], widths: list[int]) -> list[tuple[int, tuple[str, int]]]:
    return list(enumerate(zip(row, widths, strict=True)))


def _row(figure: Figure) -> tuple[str, ...]:
    spread = f"{number(min(figure.samples))}..{number(max(figure.samples))}" if len(figure.samples) > 1 else ""
    beside = f"{number(statistics.median(figure.beside))} {figure.unit}" if figure.beside else ""
    ratio = "" if figure.ratio is None else f"{figure.ratio:.2f}"
    verdict = {None: "", True: "ok", False: "OVER"}[figure.met]
    return (figure.name, f"{number(figure.median)} {figure.unit}", spread, beside, ratio, _bound(figure), verdict)


def _bound(figure: Figure) -> str:
    if figure.target is None:
        return ""
    return f"<= {figure.target.at_most:g}{' x' if figure.target.of == 'ratio' else ''}"


def _rounded(value: float) -> float:
    return float(f"{value:.4g}")
