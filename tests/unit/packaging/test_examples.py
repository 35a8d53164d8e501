from __future__ import annotations

from pathlib import Path

import pytest

from edgelet.intake.admit import House
from edgelet.intake.reception import Reception
from edgelet.intake.successors import Successors
from scripts.demo import engine
from tests import builders
from tests.fakes.object_store import FakeObjectStore
from tests.fakes.virtual_time import VirtualClock

EXAMPLES = sorted((Path(__file__).parents[3] / "configs/examples").glob("*.yaml"))


def reception() -> Reception:
    store = FakeObjectStore()
    return Reception(
        store=store,
        successors=Successors(store, VirtualClock()),
        house=House(node_name="board", policy=builders.policy()),
        max_object_bytes=131072,
        make_suffix=lambda: "00000",
    )


def test_the_example_of_the_quickstart_is_there() -> None:
    assert "web-with-sidecar" in {path.stem for path in EXAMPLES}


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda path: str(path.stem))
async def test_example_is_taken_without_a_warning_by_a_strict_node(example: Path) -> None:
    door = reception()
    documents = door.read(example.read_bytes())
    assert documents
    for document in documents:
        accepted = await door.apply(document, source="file", strict=True)
        assert accepted.warnings == ()


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda path: str(path.stem))
def test_example_needs_no_registry(example: Path) -> None:
    for document in reception().read(example.read_bytes()):
        for container in document.get("spec", {}).get("containers", ()):
            assert container["image"] == engine.IMAGE
            assert container.get("imagePullPolicy", "IfNotPresent") == "IfNotPresent"
