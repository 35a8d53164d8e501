"""Which layers, images and containers go when the lists of a storage, or files of it, are damaged."""

from __future__ import annotations

import json
from typing import Any

import pytest

from edgelet.adapters.podman import storage_files
from edgelet.adapters.podman.storage_files import Listing, Storage

# base <- one (registry/one), base <- two (registry/two), own (localhost/own); box's container is upon one.
LAYERS: list[dict[str, Any]] = [
    {"id": "base", "diff-digest": "sha256:0"},
    {"id": "one", "parent": "base", "diff-digest": "sha256:1"},
    {"id": "two", "parent": "base", "diff-digest": "sha256:2"},
    {"id": "own", "diff-digest": "sha256:3"},
    {"id": "rw", "parent": "one"},
]
IMAGES: list[dict[str, Any]] = [
    {"id": "i1", "names": ["registry/one:1"], "layer": "one"},
    {"id": "i2", "names": ["registry/two:1"], "layer": "two"},
    {"id": "i3", "names": ["localhost/own:1"], "layer": "own"},
]
CONTAINERS: list[dict[str, Any]] = [{"id": "box", "names": ["box"], "layer": "rw", "image": "i1"}]
ALL = frozenset({"base", "one", "two", "own", "rw"})


def storage(
    *,
    layers: Listing | None = None,
    images: Listing | None = None,
    containers: Listing | None = None,
    gone: str = "",
    live: str = "",
) -> Storage:
    layers = layers or Listing(tuple(LAYERS))
    return Storage(
        layers=layers,
        images=images or Listing(tuple(IMAGES)),
        containers=containers or Listing(tuple(CONTAINERS)),
        whole_layers=(layers.ids & ALL) - {gone},
        live=frozenset({live} if live else ()),
    )


def test_a_whole_storage_is_left_alone() -> None:
    assert not storage_files.plan(storage())


def test_images_that_share_a_lost_layer_go_together_with_what_stands_on_it() -> None:
    found = storage_files.plan(storage(gone="base"))
    assert found.images == {"i1", "i2"}
    assert found.layers == {"base", "one", "two", "rw"}
    assert found.containers == {"box"}
    assert found.fetched_again == ("registry/one:1", "registry/two:1")


def test_a_lost_layer_of_one_image_leaves_the_other() -> None:
    found = storage_files.plan(storage(gone="two"))
    assert found.images == {"i2"}
    assert found.layers == {"two"}
    assert not found.containers


def test_what_only_this_board_has_stays_where_it_is_alone_in_its_damage() -> None:
    assert not storage_files.plan(storage(gone="own"))
    shared = [*IMAGES[:2], {"id": "i3", "names": ["localhost/own:1"], "layer": "base"}]
    found = storage_files.plan(storage(images=Listing(tuple(shared)), gone="base"))
    assert found.images == {"i1", "i2", "i3"}
    assert found.lost == ("localhost/own:1",)


def test_an_image_from_which_a_container_runs_stays_until_there_is_another() -> None:
    found = storage_files.plan(storage(gone="base", live="box"))
    assert (found.images, found.containers) == (frozenset(), frozenset())


@pytest.mark.parametrize("at", range(1, len(json.dumps(LAYERS))))
def test_a_layer_list_cut_anywhere_leaves_a_consistent_rest(at: int) -> None:
    cut = storage_files.parse(json.dumps(LAYERS)[:at])
    assert cut.damaged
    assert list(cut.entries) == LAYERS[: len(cut.entries)]
    found = storage_files.plan(storage(layers=cut))
    assert found.rewritten == ("layers",)
    for image in IMAGES:
        needed = {image["layer"], *({"base"} if image["layer"] in {"one", "two"} else ())}
        assert (image["id"] in found.images) == (not needed <= cut.ids)
    assert found.containers == (frozenset() if "rw" in cut.ids else {"box"})
    assert not found.layers & {"base", "one", "two", "own"} or found.images


def test_a_cut_list_of_containers_takes_the_layers_that_were_theirs() -> None:
    found = storage_files.plan(storage(containers=Listing(damaged=True)))
    assert found.layers == {"rw"}
    assert not found.images


def test_nothing_of_a_container_that_runs_and_is_not_listed_any_more_goes() -> None:
    assert storage_files.plan(storage(containers=Listing(damaged=True), live="box")).layers == frozenset()


def test_a_cut_list_of_images_keeps_the_layers_so_that_little_is_pulled() -> None:
    found = storage_files.plan(storage(images=storage_files.parse(json.dumps(IMAGES)[:-20])))
    assert (found.layers, found.rewritten) == (frozenset(), ("images",))


@pytest.mark.parametrize("text", ["", "\0" * 100, "{}", "null", '[{"id": 3}]', "[1]", '[{"id": "a"} {"id": "b"}]'])
def test_what_is_no_list_is_damaged(text: str) -> None:
    assert storage_files.parse(text).damaged


def test_an_empty_list_is_none_the_worse() -> None:
    assert not storage_files.parse("[]").damaged
