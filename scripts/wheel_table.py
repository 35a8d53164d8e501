"""For which boards and Pythons the locked dependencies have wheels: asked of pip, which chooses as on the board."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Mapping
from pathlib import Path

PYTHONS = ("3.11", "3.12", "3.13", "3.14")
MACHINES = {"amd64": "x86_64", "arm64": "aarch64", "armv7": "armv7l"}
# Debian 12, the oldest system, has glibc 2.36.
_GLIBC = ("2_17", "2_24", "2_26", "2_27", "2_28", "2_31", "2_34", "2_35", "2_36")
# Their source packages build with a C compiler and the headers named, nothing else.
C_ALONE: Mapping[str, str] = {
    "cffi": "gcc, libffi-dev, python3-dev",
    "psutil": "gcc, python3-dev",
    "pyyaml": "nothing (its C part is optional)",
}
_MISSING = re.compile(r"No matching distribution found for ([A-Za-z0-9._-]+)==")
_TIMEOUT_S = 300


def pins(text: str) -> dict[str, str]:
    """Read name -> version from a lock file."""
    return dict(re.findall(r"^([a-z0-9._-]+)==([^ \\;\n]+)", text, re.MULTILINE))


def platforms(machine: str) -> tuple[str, ...]:
    """Return what pip on such a board accepts, by platform tag."""
    return (*(f"manylinux_{glibc}_{machine}" for glibc in _GLIBC), f"manylinux2014_{machine}", f"linux_{machine}")


def ask(wanted: Mapping[str, str], machine: str, python: str) -> dict[str, str]:
    """Return the wheel of each package that has one there.

    Raises:
        RuntimeError: pip failed for another reason than a missing wheel.
    """
    left = dict(wanted)
    while left:
        done = _pip([f"{name}=={version}" for name, version in left.items()], machine, python)
        if done.returncode == 0:
            report = json.loads(done.stdout)
            return {
                _normal(one["metadata"]["name"]): one["download_info"]["url"].rpartition("/")[2]
                for one in report["install"]
            }
        missing = _MISSING.search(done.stderr)
        if missing is None or left.pop(_normal(missing[1]), None) is None:
            raise RuntimeError(f"pip failed: {done.stderr.strip()[-500:]}")
    return {}


def _pip(requirements: Iterable[str], machine: str, python: str) -> subprocess.CompletedProcess[str]:
    with tempfile.TemporaryDirectory() as target:
        argv = [
            *(sys.executable, "-m", "pip", "install", "--dry-run", "--quiet", "--ignore-installed", "--no-deps"),
            *("--disable-pip-version-check", "--only-binary=:all:", "--implementation", "cp"),
            *("--target", target, "--report", "-", "--python-version", python),
            *(word for platform in platforms(machine) for word in ("--platform", platform)),
            *requirements,
        ]
        return subprocess.run(argv, capture_output=True, text=True, timeout=_TIMEOUT_S, check=False)


def _normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def cell(found: Mapping[str, str], name: str) -> str:
    """Say in a word how a package is had: pure Python, a wheel, built with a C compiler, or not at all."""
    if name in found:
        return "pure" if found[name].endswith("-none-any.whl") else "wheel"
    return "C" if name in C_ALONE else "NONE"


def rows(wanted: Mapping[str, str], found: Mapping[tuple[str, str], Mapping[str, str]]) -> list[tuple[str, ...]]:
    """Return the table: a line a package, a column a machine; Pythons that differ are named."""
    table = [("package", *MACHINES)]
    for name, version in wanted.items():
        line = [f"{name} {version}"]
        for machine in MACHINES:
            kinds = {python: cell(found[machine, python], name) for python in PYTHONS}
            if len(set(kinds.values())) == 1:
                line.append(kinds[PYTHONS[0]])
            else:
                line.append(", ".join(f"{python}: {kind}" for python, kind in kinds.items()))
        table.append(tuple(line))
    return table


def main(lock: Path) -> int:
    """Print the table; 1 if something cannot be had somewhere."""
    wanted = pins(lock.read_text())
    found = {(machine, python): ask(wanted, tag, python) for machine, tag in MACHINES.items() for python in PYTHONS}
    table = rows(wanted, found)
    widths = [max(map(len, column)) for column in zip(*table, strict=True)]
    for line in table:
        print("  ".join(word.ljust(width) for word, width in zip(line, widths, strict=True)).rstrip())
    print("\npure: one wheel for all; wheel: for this machine; C: built on the board, which takes:")
    for name, needs in C_ALONE.items():
        print(f"  {name}: {needs}")
    lacking = [line[0] for line in table if any("NONE" in word for word in line)]
    if lacking:
        print(f"error: neither a wheel nor a build with a C compiler alone: {', '.join(lacking)}", file=sys.stderr)
    return 1 if lacking else 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
