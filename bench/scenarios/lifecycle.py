"""From a wanted Pod to a running one and away again: wall and CPU of the whole tree, beside `podman kube play`."""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from bench.figures import Figure, Target
from bench.kube_play import KubePlay
from bench.meter import Cost, Meter
from bench.pods import Document, pod, running
from bench.rounds import Rounds
from bench.site import Site, site

Way = Callable[[Document], float]  # does it and returns the monotonic time when it was done

_CPU = Target(at_most=0.45, of="ratio")
_WALL = Target(at_most=0.6, of="ratio")


@dataclass(frozen=True, slots=True)
class _Rider:
    name: str
    up: Way
    down: Way


def run(meter: Meter, rounds: Rounds) -> list[Figure]:
    """Measure pods of one and of three containers."""
    with site(meter, sandbox=rounds.sandbox) as board, KubePlay(board.agent, meter) as kube:
        riders = (
            _Rider("over MQTT", partial(_published, board), partial(_unpublished, board)),
            _Rider("by the local API", partial(_created, board), partial(_deleted, board)),
            _Rider("kube play", kube.play, kube.down),
        )
        for rider in riders:  # the first pod makes the pause image, the bridge, the page cache
            rider.up(pod("warm"))
            rider.down(pod("warm"))
        meter.rest()
        return [figure for count in (1, 3) for figure in _measure(meter, riders, count, rounds)]


def _measure(meter: Meter, riders: tuple[_Rider, ...], containers: int, rounds: Rounds) -> list[Figure]:
    seen: dict[tuple[str, str], list[Cost]] = defaultdict(list)
    for number in range(rounds.lifecycle):
        for rider in riders[:: 1 if number % 2 else -1]:  # alternating: what drifts, drifts for all
            document = pod(f"{rider.name.split()[-1].lower()}-{containers}-{number}", containers=containers)
            seen[rider.name, "up"].append(meter.cost(partial(rider.up, document)))
            seen[rider.name, "down"].append(meter.cost(partial(rider.down, document)))
    return [
        _figure(seen, rider.name, way, what, containers)
        for way in ("up", "down")
        for what in ("CPU", "wall")
        for rider in riders[:2]
    ]


def _figure(seen: dict[tuple[str, str], list[Cost]], rider: str, way: str, what: str, containers: int) -> Figure:
    def samples(name: str) -> tuple[float, ...]:
        return tuple((one.cpu_s if what == "CPU" else one.wall_s) * 1000 for one in seen[name, way])

    words = "apply -> Running" if way == "up" else "delete -> gone"
    targets = {("up", "CPU"): _CPU, ("up", "wall"): _WALL, ("down", "CPU"): _CPU}
    size = "1 container" if containers == 1 else f"{containers} containers"
    return Figure(
        name=f"{words} {rider}, {size}, {what}",
        unit="ms",
        samples=samples(rider),
        beside=samples("kube play"),
        target=targets.get((way, what)) if rider == "over MQTT" and containers == 1 else None,
    )


def _published(board: Site, document: Document) -> float:
    begun_s = time.monotonic()
    board.far.want(document)
    return board.far.when(document["metadata"]["name"], running, after_s=begun_s)


def _unpublished(board: Site, document: Document) -> float:
    begun_s = time.monotonic()
    board.far.unwant(document["metadata"]["name"])
    return board.far.when(document["metadata"]["name"], lambda said: said is None, after_s=begun_s)


def _created(board: Site, document: Document) -> float:
    board.api.create(document)
    return board.api.when(document["metadata"]["name"], lambda _, one: running(one))


def _deleted(board: Site, document: Document) -> float:
    board.api.delete(document["metadata"]["name"])
    return board.api.when_gone(document["metadata"]["name"])
