from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
ARCHITECTURE = (ROOT / "docs/ARCHITECTURE.md").read_text()
RECORDS = sorted((ROOT / "docs/adr").glob("*.md"))
LONGEST_MAP = 150


def documents() -> list[Path]:
    listed = subprocess.run(("git", "ls-files", "*.md"), cwd=ROOT, capture_output=True, text=True, check=False).stdout
    return [ROOT / name for name in listed.split()] or [*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md")]


def anchors(path: Path) -> set[str]:
    """The anchors of a document's headings, as the forges make them."""
    headings = re.findall(r"^#+ +(.+)$", path.read_text(), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def test_architecture_fits_on_its_pages() -> None:
    assert len(ARCHITECTURE.splitlines()) <= LONGEST_MAP


def test_architecture_names_every_package() -> None:
    packages = {path.parent.relative_to(ROOT).as_posix() for path in (ROOT / "edgelet").rglob("__init__.py")}
    named = set(re.findall(r"`(edgelet(?:/\w+)*)/?`", ARCHITECTURE)) | {"edgelet"}
    assert packages - named == set()
    assert {one for one in named if not (ROOT / one).is_dir()} == set()


def test_architecture_names_every_port() -> None:
    section = ARCHITECTURE.partition("## Ports")[2].partition("\n## ")[0]
    ports = {path.stem for path in (ROOT / "edgelet/ports").glob("*.py")} - {"__init__"}
    assert set(re.findall(r"^\| `(\w+)` \|", section, re.MULTILINE)) == ports


def test_records_are_numbered_without_gaps_and_named_in_the_architecture() -> None:
    assert [path.name[:4] for path in RECORDS] == [f"{number:04}" for number in range(1, len(RECORDS) + 1)]
    for path in RECORDS:
        assert f"(adr/{path.name})" in ARCHITECTURE


@pytest.mark.parametrize("record", RECORDS, ids=lambda path: str(path.stem))
def test_record_is_one_page_with_its_four_parts(record: Path) -> None:
    text = record.read_text()
    assert text.startswith(f"# {int(record.name[:4])}. ")
    assert len(text.splitlines()) <= 60
    for part in ("**Context.**", "**Decision.**", "**Consequences.**", "**Alternatives"):
        assert part in text


@pytest.mark.parametrize("document", documents(), ids=lambda path: path.relative_to(ROOT).as_posix())
def test_links_lead_somewhere(document: Path) -> None:
    for target, anchor in re.findall(r"\]\((?!\w+://)([^)#\s]*)#?([^)\s]*)\)", document.read_text()):
        path = (document.parent / target) if target else document
        assert path.exists(), target
        if anchor:
            assert anchor in anchors(path), f"{target}#{anchor}"


def test_programs_that_the_readme_names_are_there() -> None:
    for name in ("README.md", "CONTRIBUTING.md", "docs/OPERATING.md"):
        for program in re.findall(r"\bscripts/[a-z_]+\b(?!/)", (ROOT / name).read_text()):
            assert (ROOT / program).exists(), f"{name}: {program}"


def test_topics_in_the_readme_are_those_of_the_demonstration() -> None:
    readme = (ROOT / "README.md").read_text()
    assert "edgelet/v1/default/pi-01/desired/pods/default/web" in readme
    assert (ROOT / "scripts/demo/board.py").read_text().count('"edgelet/v1/default/{NODE}"') == 1
