from __future__ import annotations

import errno

import pytest

from edgelet.adapters.podman import station
from edgelet.adapters.podman.errors import LibpodError
from edgelet.api.errors import EngineError

ID = "f16763783be51f3093c514bf90654765bb45b5014b665cb164499cf3769c6f2a"
POD_CONFLICT = LibpodError(409, "pod already exists", 'failed to make pod: adding pod to state: name "p" is in use')
CONFLICT = LibpodError(
    500,
    "that name is already in use",
    f'creating container storage: the container name "web_0" is already in use by {ID}. You have to remove that '
    "container to be able to reuse that name: that name is already in use",
)


def test_a_refusal_becomes_an_error_of_its_station() -> None:
    with pytest.raises(EngineError, match="cannot do it: no space left") as failed, station.station("Reason", "do it"):
        raise LibpodError(500, "no space left")
    assert failed.value.reason == "Reason"


def test_a_refusal_of_the_host_is_one_too() -> None:
    with (
        pytest.raises(EngineError, match=r"cannot do it: .*Too many open files.*brif") as failed,
        station.station("Reason", "do it"),
    ):
        raise OSError(errno.EMFILE, "Too many open files", "/sys/class/net/b/brif")
    assert failed.value.reason == "Reason"


def test_a_taken_name_is_told_from_other_refusals_and_tells_its_holder() -> None:
    assert station.is_conflict(CONFLICT)
    assert station.is_conflict(POD_CONFLICT)
    assert not station.is_conflict(LibpodError(500, "image not known"))
    assert not station.is_conflict(LibpodError(409, "bind: address already in use"))
    assert station.holder(CONFLICT) == ID
    assert station.holder(POD_CONFLICT) == ""


def test_what_vanished_while_it_was_looked_at_is_absent() -> None:
    assert station.is_absence(LibpodError(500, "no such container", "container x does not exist in database"))
    assert not station.is_absence(LibpodError(500, "layer not known"))
