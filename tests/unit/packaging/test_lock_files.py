from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest

from scripts import wheel_table

ROOT = Path(__file__).parents[3]
LOCKS = sorted((ROOT / "requirements").glob("*.txt"))
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]


def test_there_is_a_lock_for_the_agent_its_build_its_tests_and_its_fuzzing() -> None:
    assert [lock.name for lock in LOCKS] == ["agent.txt", "build.txt", "dev.txt", "fuzz.txt"]


@pytest.mark.parametrize("lock", LOCKS, ids=lambda lock: str(lock.name))
def test_lock_names_no_address(lock: Path) -> None:
    text = lock.read_text()
    assert re.findall(r"\w+://\S+|^-\S*(?:index|find-links|trusted)\S*.*$| @ ", text, re.MULTILINE) == []


@pytest.mark.parametrize("lock", LOCKS, ids=lambda lock: str(lock.name))
def test_every_requirement_is_pinned_and_has_a_hash(lock: Path) -> None:
    text = "\n".join(line for line in lock.read_text().splitlines() if not line.lstrip().startswith("#"))
    requirements = [one for one in re.split(r"\n(?=\S)", text.strip()) if one.strip()]
    assert requirements
    for one in requirements:
        assert re.match(r"[a-z0-9._-]+==\S+", one), one
        assert re.search(r"--hash=sha256:[0-9a-f]{64}", one), one


def test_tests_run_with_the_versions_that_are_installed_on_boards() -> None:
    agent, dev = (wheel_table.pins((ROOT / "requirements" / name).read_text()) for name in ("agent.txt", "dev.txt"))
    assert agent.items() <= dev.items()


def test_lock_holds_every_dependency_of_the_project() -> None:
    agent = wheel_table.pins((ROOT / "requirements/agent.txt").read_text())
    assert {re.split(r"[<>=]", one)[0] for one in PROJECT["dependencies"]} <= agent.keys()


def test_decision_record_has_a_line_for_each_dependency_and_no_other() -> None:
    record = (ROOT / "docs/adr/0002-dependencies.md").read_text()
    lines = re.findall(r"^\| `([a-z0-9-]+)` \| .+ \| .+ \| .+ \|$", record, re.MULTILINE)
    assert lines == sorted(re.split(r"[<>=]", one)[0] for one in PROJECT["dependencies"])
