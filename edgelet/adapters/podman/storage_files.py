"""The lists in which Podman's storage keeps layers, images and containers: what is damaged, and what has to go. Pure.

A cut list is no error to Podman 4.3: it takes it for empty, panics at the images whose layers it no longer knows, and
writes the empty list down with the next change. So the part that can be read is saved before Podman is started.

Source: containers/storage layers.go, images.go, containers.go: one JSON array each; what a list names lies in
directories beside it.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

Entry = Mapping[str, Any]
_LOCAL = "localhost/"  # no registry has it


@dataclass(frozen=True, slots=True)
class Listing:
    """One list, as far as it can be read."""

    entries: tuple[Entry, ...] = ()
    damaged: bool = False

    @property
    def ids(self) -> frozenset[str]:
        return frozenset(str(each["id"]) for each in self.entries)


@dataclass(frozen=True, slots=True, kw_only=True)
class Storage:
    """All lists, and which layers have their files. `live`: containers whose monitor runs."""

    layers: Listing
    images: Listing
    containers: Listing
    whole_layers: frozenset[str]
    live: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Repair:
    """What goes, by id. `fetched_again`, `lost`: names of the images that go, which a registry has, or nobody."""

    layers: frozenset[str] = frozenset()
    images: frozenset[str] = frozenset()
    containers: frozenset[str] = frozenset()
    fetched_again: tuple[str, ...] = ()
    lost: tuple[str, ...] = ()
    rewritten: tuple[str, ...] = field(default=())  # lists that were damaged

    def __bool__(self) -> bool:
        return bool(self.layers or self.images or self.containers or self.rewritten)


def parse(text: str) -> Listing:
    """Read a list; of a damaged one, the entries before the damage."""
    try:
        found = json.loads(text)
        if isinstance(found, list) and all(_is_entry(each) for each in found):
            return Listing(tuple(found))
    except ValueError:
        pass
    return Listing(tuple(_readable(text)), damaged=True)


def plan(storage: Storage) -> Repair:
    """Decide what goes so that the rest is consistent.

    An image goes if one of its layers is gone, with all that share that layer; not while a container runs on it: that
    is ended only when the registry has another. What only this board has stays where its files are gone and it is alone
    in that: somebody may still want to know. A container goes with its layer, unless it runs; where the list of
    containers was cut, layers that were a container's go, too.
    """
    parents = {str(each["id"]): str(each.get("parent") or "") for each in storage.layers.entries}
    broken = frozenset(layer for layer in parents if not _is_sound(layer, parents, storage.whole_layers))
    images = _doomed_images(storage, parents, broken)
    if not (broken or images or _damaged(storage)):
        return Repair(containers=_without_layer(storage, parents, broken) if _damaged(storage) else frozenset())
    containers = _without_layer(storage, parents, broken)
    kept = _kept_layers(storage, parents, images, containers)
    going = (broken - kept) | (_orphans(storage, kept) if storage.containers.damaged else frozenset())
    names = [name for each in storage.images.entries if each["id"] in images for name in each.get("names") or ()]
    return Repair(
        layers=going,
        images=images,
        containers=containers,
        fetched_again=tuple(sorted(name for name in names if not name.startswith(_LOCAL))),
        lost=tuple(sorted(name for name in names if name.startswith(_LOCAL))),
        rewritten=_damaged(storage),
    )


def broken_images(storage: Storage) -> frozenset[str]:
    """Return the images of which a layer's files or its entry are gone."""
    parents = {str(each["id"]): str(each.get("parent") or "") for each in storage.layers.entries}
    return frozenset(
        str(each["id"])
        for each in storage.images.entries
        if not _is_sound(str(each.get("layer") or ""), parents, storage.whole_layers)
    )


def _is_entry(value: object) -> bool:
    return isinstance(value, dict) and isinstance(value.get("id"), str)


def _readable(text: str) -> Iterable[Entry]:
    decoder, at = json.JSONDecoder(), text.find("[") + 1
    while 0 < at < len(text):
        try:
            value, at = decoder.raw_decode(text, at)
        except ValueError:
            return
        if not _is_entry(value):
            return
        yield value
        at += len(text[at:]) - len(text[at:].lstrip(", \t\r\n"))


def _damaged(storage: Storage) -> tuple[str, ...]:
    lists = {"layers": storage.layers, "images": storage.images, "containers": storage.containers}
    return tuple(name for name, each in lists.items() if each.damaged)


def _chain(layer: str, parents: Mapping[str, str]) -> tuple[str, ...]:
    """Return a layer and what is below it; the last one is not in the list where one is missing."""
    found: list[str] = []
    while layer and layer not in found:
        found.append(layer)
        layer = parents.get(layer, "")
    return tuple(found)


def _is_sound(layer: str, parents: Mapping[str, str], whole: frozenset[str]) -> bool:
    return all(each in parents and each in whole for each in _chain(layer, parents))


def _is_local(image: Entry) -> bool:
    names = image.get("names") or ()
    return bool(names) and all(str(each).startswith(_LOCAL) for each in names)


def _doomed_images(storage: Storage, parents: Mapping[str, str], broken: frozenset[str]) -> frozenset[str]:
    chains = {str(each["id"]): _chain(str(each.get("layer") or ""), parents) for each in storage.images.entries}
    listed = broken_images(storage)
    unlisted = {image for image in listed if any(layer not in parents for layer in chains[image])}
    fetched = [str(each["id"]) for each in storage.images.entries if each["id"] in listed and not _is_local(each)]
    shared = {layer for image in fetched for layer in chains[image]} & broken
    running = [str(each.get("layer") or "") for each in storage.containers.entries if each["id"] in storage.live]
    held = {layer for top in running for layer in _chain(top, parents)} & broken
    return frozenset(
        image
        for image in listed
        if image in unlisted or (not held & set(chains[image]) and (image in fetched or shared & set(chains[image])))
    )


def _without_layer(storage: Storage, parents: Mapping[str, str], broken: frozenset[str]) -> frozenset[str]:
    return frozenset(
        str(each["id"])
        for each in storage.containers.entries
        if each["id"] not in storage.live and (each.get("layer") not in parents or each.get("layer") in broken)
    )


def _kept_layers(
    storage: Storage, parents: Mapping[str, str], images: frozenset[str], containers: frozenset[str]
) -> frozenset[str]:
    tops = [str(each.get("layer") or "") for each in storage.images.entries if each["id"] not in images]
    tops += [str(each.get("layer") or "") for each in storage.containers.entries if each["id"] not in containers]
    return frozenset(layer for top in tops for layer in _chain(top, parents) if layer in parents)


def _orphans(storage: Storage, kept: frozenset[str]) -> frozenset[str]:
    """Return layers that nobody has and no registry sent: those carry a digest. None while an unknown one runs."""
    if storage.live - storage.containers.ids:
        return frozenset()
    return frozenset(
        str(each["id"])
        for each in storage.layers.entries
        if each["id"] not in kept and not (each.get("diff-digest") or each.get("compressed-diff-digest"))
    )
