"""Which words of the engine mean a damaged image, and which images go."""

from __future__ import annotations

import pytest

from edgelet.adapters.podman import image_repair
from edgelet.adapters.podman.image_repair import User

GONE = (
    "mounting storage for container ecb8: recreating the missing symlinks: 1 error occurred:\n\t* correcting link for "
    "layer 182f: open /s/overlay/182f/link: no such file or directory"
)
STAT = (
    'creating container storage: creating read-write layer with ID "a": '
    "Stat /s/overlay/b/diff: no such file or directory"
)
BARE = f"stat /s/overlay/{'0' * 64}: no such file or directory"
CONFIG = 'image with ID "45" (consider removing the image to resolve the issue): file does not exist'
LAYERS = {"a": frozenset({"1", "2"}), "b": frozenset({"1", "3"}), "c": frozenset({"4"})}


@pytest.mark.parametrize("message", [GONE, STAT, BARE, CONFIG, "creating container storage: layer not known"])
def test_a_damaged_image_is_known_by_the_engines_words(message: str) -> None:
    assert image_repair.tells(f"cannot start the container main: {message}")


@pytest.mark.parametrize(
    "message",
    [
        "",
        'runc: exec: "/bin/nothing": stat /bin/nothing: no such file or directory: OCI runtime failed',
        "statfs /srv/data: no such file or directory",
        "no space left on device",
        "open /srv/overlay/secret: no such file or directory",
    ],
)
def test_other_failures_leave_the_image_alone(message: str) -> None:
    assert not image_repair.tells(message)


def test_what_shares_a_layer_goes_too_and_what_does_not_stays() -> None:
    assert image_repair.doomed("a", LAYERS, ()) == ("a", "b")
    assert image_repair.doomed("c", LAYERS, ()) == ("c",)


@pytest.mark.parametrize("user", [User("x", "b", running=True, ours=True), User("x", "b", running=False, ours=False)])
def test_an_image_that_runs_or_is_a_strangers_stays(user: User) -> None:
    assert image_repair.doomed("a", LAYERS, [user]) == ("a",)


def test_the_damaged_image_goes_with_what_runs_from_it_but_not_with_a_strangers_container() -> None:
    assert image_repair.doomed("b", LAYERS, [User("x", "b", running=True, ours=True)]) == ("a", "b")
    assert image_repair.doomed("b", LAYERS, [User("x", "b", running=False, ours=False)]) == ()


def test_our_ended_containers_hold_nothing_back() -> None:
    assert image_repair.doomed("a", LAYERS, [User("x", "a", running=False, ours=True)]) == ("a", "b")
