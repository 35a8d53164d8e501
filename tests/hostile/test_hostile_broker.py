"""A few hundred sequences; thousands by scripts/hostile."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Iterator

import pytest

from tests.hostile import run

SEEDS = 200
_PARTS = 4


@pytest.fixture(autouse=True)
def _silence() -> Iterator[None]:
    """Ten thousand refusals are no news."""
    logging.disable()
    yield
    logging.disable(logging.NOTSET)


@pytest.mark.parametrize("part", range(_PARTS))
def test_a_board_has_only_what_was_signed_whatever_the_broker_does(part: int) -> None:
    done: Counter[str] = Counter()
    for seed in range(part, SEEDS, _PARTS):
        done += run.run(seed)
    assert done["took effect"] > SEEDS // _PARTS  # else the sequences try nothing
    assert done["refused"] > SEEDS // _PARTS
