"""What fuzzing began with and what it found, once more: no instrumentation, no search."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.fuzz import corpus
from tests.fuzz.catalog import TARGETS


def _inputs() -> list[Any]:
    return [
        pytest.param(target, path, id=f"{target}-{path.name}") for target in TARGETS for path in corpus.seeds(target)
    ]


@pytest.mark.parametrize(("target", "path"), _inputs())
def test_target_holds(target: str, path: Path) -> None:
    TARGETS[target](path.read_bytes())
