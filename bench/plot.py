"""A picture of what a board costs against its number of pods: an SVG from a file of figures that bench/run kept.

.venv/bin/python -m bench.plot bench/results/FILE.json > pods.svg
"""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any
from xml.sax.saxutils import escape

_SERIES = {
    "RSS of the agent, MB": r"(\d+) pods: RSS of the agent",
    "PSS of the agent, MB": r"(\d+) pods: PSS of the agent",
    "CPU at rest, whole tree, 0.01 % of a core": r"(\d+) pods at rest .*CPU of the whole tree",
    "CPU of a pod's start, whole tree, ms": r"(\d+) pods -> all Running, CPU of the whole tree, per pod",
    "agent start -> all adopted, 10 ms": r"agent start with (\d+) running pods -> all adopted$",
}
_SCALE = {"CPU at rest, whole tree, 0.01 % of a core": 100.0, "agent start -> all adopted, 10 ms": 100.0}
_COLOURS = ("#1b6ca8", "#63a4d4", "#c8553d", "#588157", "#8d6a9f")
_WIDTH, _HEIGHT, _LEFT, _BOTTOM, _TOP = 760, 420, 60, 60, 20
_PLOT_WIDTH = 420
_FONT = 'font-family="sans-serif" font-size="12"'

Points = dict[int, float]


def series(figures: Sequence[Mapping[str, Any]]) -> dict[str, Points]:
    """Return the medians by number of pods, a series for each thing that was measured for more than one number."""
    found: dict[str, Points] = {}
    for name, pattern in _SERIES.items():
        points = {
            int(match[1]): float(one["median"]) * _SCALE.get(name, 1.0)
            for one in figures
            if (match := re.match(pattern, str(one["name"])))
        }
        if len(points) > 1:
            found[name] = points
    return found


def svg(found: Mapping[str, Points], title: str) -> str:
    """Draw lines with their points, both axes from zero."""
    most_pods = max((pods for points in found.values() for pods in points), default=1)
    most = max((value for points in found.values() for value in points.values()), default=1.0)

    def at(pods: float, value: float) -> tuple[float, float]:
        high = _HEIGHT - _BOTTOM - _TOP
        return _LEFT + pods / most_pods * _PLOT_WIDTH, _HEIGHT - _BOTTOM - value / most * high

    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {_HEIGHT}" {_FONT}>',
        f'<text x="{_LEFT}" y="14">{escape(title)}</text>',
        *_axes(at, most_pods, most),
    ]
    for number, (name, points) in enumerate(found.items()):
        colour = _COLOURS[number % len(_COLOURS)]
        line = " ".join(f"{x:.1f},{y:.1f}" for x, y in (at(pods, points[pods]) for pods in sorted(points)))
        parts.append(f'<polyline fill="none" stroke="{colour}" stroke-width="2" points="{line}"/>')
        for pods, value in points.items():
            x, y = at(pods, value)
            parts.append(f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3" fill="{colour}"><title>{value:g}</title></circle>')
        y_name = _TOP + 24 + 18 * number
        parts.append(f'<text x="{_LEFT + _PLOT_WIDTH + 16}" y="{y_name}" fill="{colour}">{escape(name)}</text>')
    return "\n".join([*parts, "</svg>"]) + "\n"


def _axes(at: Any, most_pods: int, most: float) -> list[str]:
    (left, bottom), (right, _), (_, top) = at(0, 0), at(most_pods, 0), at(0, most)
    lines = [f'<path d="M{left} {top} V{bottom} H{right}" fill="none" stroke="#444"/>']
    for part in range(5):
        x, _ = at(most_pods * part / 4, 0)
        _, y = at(0, most * part / 4)
        lines.append(f'<text x="{x:.1f}" y="{bottom + 18}" text-anchor="middle">{most_pods * part / 4:g}</text>')
        lines.append(f'<text x="{left - 6}" y="{y + 4:.1f}" text-anchor="end">{most * part / 4:.0f}</text>')
    lines.append(f'<text x="{(left + right) / 2}" y="{bottom + 40}" text-anchor="middle">pods</text>')
    return lines


def main(argv: Sequence[str]) -> int:
    if len(argv) != 1:
        print(__doc__, file=sys.stderr)
        return 2
    document = json.loads(Path(argv[0]).read_text())
    host = document["host"]
    title = f"{host['machine']}, {host['cpus']} cores, Podman {host['Podman']}, sandbox {document['sandbox']}"
    print(svg(series(document["figures"]), title), end="")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
