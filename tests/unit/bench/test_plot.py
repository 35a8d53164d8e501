from __future__ import annotations

from xml.etree import ElementTree as ET

from bench import plot


def figure(name: str, median: float) -> dict[str, object]:
    return {"name": name, "median": median}


FIGURES = [
    figure("10 pods: RSS of the agent", 45),
    figure("110 pods: RSS of the agent", 55),
    figure("10 pods: PSS of the agent", 33),
    figure("agent start with 10 running pods -> all adopted", 0.4),
    figure("agent start with 110 running pods -> all adopted", 0.9),
    figure("agent start with 110 running pods -> all adopted, CPU of the whole tree", 0.9),
]


def test_what_was_measured_for_several_numbers_of_pods_is_a_series() -> None:
    assert plot.series(FIGURES) == {
        "RSS of the agent, MB": {10: 45, 110: 55},
        "agent start -> all adopted, 10 ms": {10: 40, 110: 90},
    }


def test_each_series_is_a_line_with_a_point_for_each_number() -> None:
    drawn = ET.fromstring(plot.svg(plot.series(FIGURES), "a <board>"))  # noqa: S314  our own
    lines = drawn.findall("{http://www.w3.org/2000/svg}polyline")
    assert len(lines) == 2
    assert len(drawn.findall("{http://www.w3.org/2000/svg}circle")) == 4
    xs = [float(point.split(",")[0]) for point in lines[0].attrib["points"].split()]
    assert xs == sorted(xs)


def test_nothing_measured_is_an_empty_picture() -> None:
    assert ET.fromstring(plot.svg({}, "none")).tag.endswith("svg")  # noqa: S314  our own
