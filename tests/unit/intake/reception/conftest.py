"""The one door into the store, with a fake store behind it."""

from __future__ import annotations

from itertools import count
from typing import Any

import pytest

from edgelet.intake.admission.in_force import PolicyInForce
from edgelet.intake.admit import House
from edgelet.intake.reception import Reception
from edgelet.intake.successors import Successors
from edgelet.ports.object_store import Key
from tests import builders
from tests.fakes.object_store import FakeObjectStore
from tests.fakes.virtual_time import VirtualClock

POD = Key("Pod", "default", "web")
C = builders.container_document


@pytest.fixture
def store() -> FakeObjectStore:
    return FakeObjectStore()


@pytest.fixture
def reception(store: FakeObjectStore) -> Reception:
    return make_reception(store)


def make_reception(
    store: FakeObjectStore, policy: PolicyInForce | None = None, *, max_object_bytes: int = 20_000, **board: Any
) -> Reception:
    """`board`: what a House says beside its name and policy."""
    numbers = count(1)
    return Reception(
        store=store,
        successors=Successors(store, VirtualClock()),
        house=House(node_name="board", policy=policy or builders.policy(), **board),
        max_object_bytes=max_object_bytes,
        make_suffix=lambda: f"{next(numbers):05}",
    )
