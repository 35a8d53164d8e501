from __future__ import annotations

import re
from pathlib import Path

from scripts import wheel_table

ROOT = Path(__file__).parents[3]


def test_pins_are_read_without_hashes_markers_and_comments() -> None:
    text = "# comment\nh11==0.16.0 \\\n    --hash=sha256:00\n    # via wsproto\npyyaml==6.0.3 ; python_version > '3'\n"
    assert wheel_table.pins(text) == {"h11": "0.16.0", "pyyaml": "6.0.3"}


def test_cell_tells_pure_wheel_compiler_and_nothing_apart() -> None:
    found = {"h11": "h11-0.16.0-py3-none-any.whl", "psutil": "psutil-7-cp36-abi3-manylinux_2_17_x86_64.whl"}
    assert wheel_table.cell(found, "h11") == "pure"
    assert wheel_table.cell(found, "psutil") == "wheel"
    assert wheel_table.cell({}, "psutil") == "C"
    assert wheel_table.cell({}, "cryptography") == "NONE"


def test_pythons_are_named_where_they_differ() -> None:
    wheel = {"psutil": "psutil-7-cp311-cp311-manylinux_2_17_x86_64.whl"}
    found = {(machine, python): wheel for machine in wheel_table.MACHINES for python in wheel_table.PYTHONS}
    found["armv7", "3.14"] = {}
    head, line = wheel_table.rows({"psutil": "7"}, found)
    assert head == ("package", "amd64", "arm64", "armv7")
    assert line == ("psutil 7", "wheel", "wheel", "3.11: wheel, 3.12: wheel, 3.13: wheel, 3.14: C")


def test_manual_names_what_is_built_on_the_board() -> None:
    section = (ROOT / "docs/OPERATING.md").read_text().partition("### Packages and wheels")[2].partition("\n## ")[0]
    built = re.findall(r"^\| (\w+) \| wheel \| wheel \| \**built", section, re.MULTILINE)
    assert sorted(built) == sorted(wheel_table.C_ALONE)
