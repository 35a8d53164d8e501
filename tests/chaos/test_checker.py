"""The checker itself must be able to fail: each kind of violation is seen, and a right world is not blamed."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from tests.chaos import checker
from tests.chaos.checker import Snapshot
from tests.chaos.wishes import PodWish, Wishes
from tests.chaos.witness import Container, Seen

UID = "11111111-2222-3333-4444-555555555555"
MAIN, INFRA, GHOST = "a" * 64, "b" * 64, "c" * 64
WEB = PodWish(name="web", way="mqtt", shape="plain", image="r/testbox:1")


def wishes() -> Wishes:
    return Wishes({"web": WEB}, {}, {}, {})


def statuses() -> dict[str, dict[str, Any]]:
    running = {"name": "main", "containerID": f"podman://{MAIN}", "state": {"running": {}}}
    ready = [{"type": "Ready", "status": "True"}]
    pod = {"phase": "Running", "podIP": "10.1.2.3", "conditions": ready, "containerStatuses": [running]}
    return {
        "status/online": {"state": "online"},
        "status/node": {"status": {"conditions": ready}},
        "status/pods/default/web": {"metadata": {"uid": UID}, "status": pod},
    }


def world() -> Seen:
    main = Container(
        id=MAIN,
        pod="web",
        pod_uid=UID,
        name="main",
        running=True,
        pid=7,
        image="r/testbox:1",
        network="net:[1]",
        address="10.1.2.3",
        environment=frozenset({"VERSION=1"}),
    )
    infra = replace(main, id=INFRA, name="", pid=8)
    return Seen(
        containers=[infra, main],
        conmons=[MAIN, INFRA],
        statuses=statuses(),
        ids_by_place={"mounts": {MAIN, INFRA}},
        uids_by_place={"run directory": {UID}},
        addresses={"10.1.2.3"},
        veths=1,
        namespaces={"net:[1]"},
    )


def judged(seen: Seen, *, untouched: bool = False) -> list[str]:
    before = Snapshot({("web", "main"): (MAIN, 6 if untouched else 7)})
    return checker.judge(wishes(), seen, before, frozenset({"web"}))


def test_a_right_world_is_not_blamed() -> None:
    assert judged(world()) == []


def doubled(seen: Seen) -> None:
    seen.containers.append(replace(seen.containers[1], id=GHOST))


def dead(seen: Seen) -> None:
    seen.containers[1] = replace(seen.containers[1], running=False)


def unwatched(seen: Seen) -> None:
    """As the agent leaves it for a moment: its monitor was killed, and the pod is being stopped to be made anew."""
    seen.containers[0] = replace(seen.containers[0], running=False)
    seen.conmons.remove(INFRA)


def unwanted(seen: Seen) -> None:
    seen.containers.append(replace(seen.containers[1], id=GHOST, pod="old"))


def older(seen: Seen) -> None:
    seen.containers[1] = replace(seen.containers[1], environment=frozenset({"VERSION=0"}))


def other_image(seen: Seen) -> None:
    seen.containers[1] = replace(seen.containers[1], image="r/testbox:2")


def lie_about_the_id(seen: Seen) -> None:
    seen.statuses["status/pods/default/web"]["status"]["containerStatuses"][0]["containerID"] = f"podman://{GHOST}"


def lie_about_the_address(seen: Seen) -> None:
    seen.statuses["status/pods/default/web"]["status"]["podIP"] = "10.1.2.4"


def stale_status(seen: Seen) -> None:
    seen.statuses["status/pods/default/old"] = {}


def no_status(seen: Seen) -> None:
    del seen.statuses["status/pods/default/web"]


def offline(seen: Seen) -> None:
    seen.statuses["status/online"]["state"] = "lost"


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (doubled, "runs 2 times, 1 wanted"),
        (dead, "runs 0 times, 1 wanted"),
        (unwatched, "container web/infra: does not run"),
        (unwanted, "runs 1 times, 0 wanted"),
        (older, "not of version 1"),
        (other_image, "image r/testbox:2"),
        (lie_about_the_id, "the broker says"),
        (lie_about_the_address, "says address 10.1.2.4"),
        (stale_status, "has a status and is not wanted"),
        (no_status, "no status"),
        (offline, "status/online says lost"),
        (lambda seen: seen.conmons.append(MAIN), "conmon of aaaaaaaaaaaa: 2, 1 wanted"),
        (lambda seen: seen.conmons.remove(MAIN), "conmon of aaaaaaaaaaaa: 0, 1 wanted"),
        (lambda seen: seen.processes.append("9 runc init"), "process: 9 runc init"),
        (lambda seen: seen.stray.append("layer x"), "left over: layer x"),
        (lambda seen: seen.addresses.add("10.1.2.9"), "firewall: 10.1.2.9 is left over"),
        (lambda seen: setattr(seen, "veths", 2), "2 veths, 1 wanted"),
        (lambda seen: seen.namespaces.add("net:[2]"), "network namespace net:[2]: nobody is in it"),
        (lambda seen: seen.namespaces.clear(), "network namespace net:[1]: not kept"),
        (lambda seen: seen.ids_by_place["mounts"].add(GHOST), "mounts: cccccccccccc is left over"),
        (lambda seen: seen.uids_by_place["run directory"].add("old"), "run directory: pod old is left over"),
    ],
)
def test_each_wrong_is_told(spoil: Callable[[Seen], object], words: str) -> None:
    seen = world()
    spoil(seen)
    assert any(words in one for one in judged(seen)), judged(seen)


def test_a_restart_of_what_the_fault_did_not_concern_is_told() -> None:
    assert any(one.startswith("RESTARTED container web/main") for one in judged(world(), untouched=True))
