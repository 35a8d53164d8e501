"""What fuzzing began with and what it found, once more: no instrumentation, no search."""

from __future__ import annotations

import json
from itertools import islice
from pathlib import Path
from typing import Any

import pytest

from tests.fuzz import corpus, neighbours
from tests.fuzz.catalog import TARGETS


def _inputs() -> list[Any]:
    return [
        pytest.param(target, path, id=f"{target}-{path.name}") for target in TARGETS for path in corpus.seeds(target)
    ]


@pytest.mark.parametrize(("target", "path"), _inputs())
def test_target_holds(target: str, path: Path) -> None:
    TARGETS[target](path.read_bytes())


@pytest.mark.parametrize("path", corpus.RICH, ids=lambda path: str(path.stem))
def test_one_in_five_hundred_of_a_rich_pods_neighbours_is_accepted_or_refused(path: Path) -> None:
    tried = 0
    for data in islice(neighbours.of(json.loads(path.read_bytes())), 0, None, 499):
        TARGETS["manifest"](data)
        tried += 1
    assert tried > 50
