"""Images of which it is not known by which login they came: after a pull that was cut, after the records were lost."""

from __future__ import annotations

import asyncio
import json

import pytest

from edgelet.api.errors import AbandonedPullError, DamagedImageError, EngineError, UnclearPullError
from edgelet.ports.images import Credential
from tests.fakes.runtime import Program
from tests.fakes.world import World
from tests.flow.pods.locked_image import (
    NAME,
    REGISTRY,
    image_of,
    loaded,
    locked,
    nobody_gets_in,
    pod_with,
    secret,
    waiting,
)
from tests.flow.pods.stories import play


def test_an_agent_that_died_while_it_came_leaves_it_closed() -> None:
    async def story(w: World) -> None:
        w.images.registries.logins[REGISTRY] = Credential(REGISTRY, "board", "right")
        offered = w.images.registries.offer(NAME)
        w.runtime.programs[NAME] = Program()
        await w.apply(secret("mine"))
        w.images.hold.clear()
        await w.apply(pod_with("owner", "mine"))
        await asyncio.sleep(1)
        facts = dict(w.ledger.facts)  # what a killed agent leaves on the disk
        await w.stop_agent()
        w.ledger.facts = facts
        w.images.here[offered.id] = offered  # the engine finished it
        w.images.hold.set()
        w.images.registries.dead.add(REGISTRY)
        w.start_agent()
        await w.apply(pod_with("stranger"))
        await asyncio.sleep(2)
        (told,) = [one for one in w.events.recorded if one.reason == "ImageAccessClosed"]
        assert (told.regarding.kind, told.type) == ("Node", "Warning")
        assert f"came: {REGISTRY}/app ({offered.id[:12]}). They are closed" in told.message
        assert waiting(w, "stranger")[0] in {"RegistryUnavailable", "ImagePullBackOff"}

    play(story)


@pytest.mark.parametrize(
    "broken",
    [
        EngineError("EngineUnavailable", "the engine ended"),
        UnclearPullError("ErrImagePull", "it came and cannot be read"),
        AbandonedPullError("RegistryUnavailable", "nothing came for 300 s"),
        DamagedImageError("ImageInspectError", "layer not known"),
    ],
    ids=lambda error: type(error).__name__,
)
def test_a_pull_that_fails_after_the_image_came_leaves_it_closed(broken: Exception) -> None:
    async def story(w: World) -> None:
        w.images.registries.logins[REGISTRY] = Credential(REGISTRY, "board", "right")
        offered = w.images.registries.offer(NAME)
        w.images.broken_off.append(broken)
        await w.apply(secret("mine"))
        w.runtime.programs[NAME] = Program()
        await w.apply(pod_with("owner", "mine"))
        await asyncio.sleep(1)
        assert offered.id in w.images.here
        w.images.registries.dead.add(REGISTRY)
        await nobody_gets_in(w, offered)
        w.images.registries.dead.clear()
        await asyncio.sleep(60)
        assert w.pod("owner").status.phase == "Running"
        await w.apply(pod_with("second", "mine", policy="Never"))
        await asyncio.sleep(2)
        assert w.pod("second").status.phase == "Running"

    play(story)


def test_a_pull_that_is_cut_leaves_the_image_closed_also_where_it_comes_later() -> None:
    async def story(w: World) -> None:
        w.images.registries.logins[REGISTRY] = Credential(REGISTRY, "board", "right")
        offered = w.images.registries.offer(NAME)
        await w.apply(secret("mine"))
        w.images.hold.clear()
        await w.apply(pod_with("owner", "mine"))
        await asyncio.sleep(1)
        await w.delete("owner", grace_s=0)
        await asyncio.sleep(100)
        assert w.images.pulls == [NAME]
        w.images.here[offered.id] = offered  # the engine went on
        w.images.hold.set()
        await nobody_gets_in(w, offered)

    play(story)


def test_an_agent_that_died_before_the_record_leaves_the_image_closed_by_every_name() -> None:
    async def story(w: World) -> None:
        await locked(w)
        facts = dict(w.ledger.facts)
        other = f"{REGISTRY}/other:1"
        offered = w.images.registries.offer(other)
        w.images.hold.clear()
        await w.apply(image_of("second", other, "mine", policy="IfNotPresent"))
        await asyncio.sleep(1)
        assert w.ledger.facts != facts
        facts = dict(w.ledger.facts)  # what a killed agent leaves on the disk
        await w.stop_agent()
        await w.delete("second", grace_s=0)
        w.ledger.facts = facts
        w.images.here[offered.id] = offered
        w.images.hold.set()
        w.start_agent()
        for how, image in (("name", other), ("digest", offered.digests[0]), ("id", offered.id)):
            w.runtime.programs[image] = Program()
            await w.apply(image_of(f"stranger-{how}", image))
        await w.apply(pod_with("first", "mine", policy="Never"))
        await asyncio.sleep(2)
        for how in ("name", "digest", "id"):
            assert waiting(w, f"stranger-{how}")[0] == "ErrImageNeverPull"
        assert w.pod("first").status.phase == "Running"
        await w.apply(image_of("third", other, "mine", policy="IfNotPresent"))
        await asyncio.sleep(2)
        assert w.pod("third").status.phase == "Running"

    play(story)


def test_what_was_here_before_a_pull_that_was_cut_stays_for_all_by_name_and_id() -> None:
    async def story(w: World) -> None:
        old = loaded(f"{REGISTRY}/app:0")
        w.images.here[old.id] = old
        w.images.registries.logins[REGISTRY] = Credential(REGISTRY, "board", "right")
        w.images.registries.offer(NAME)
        await w.apply(secret("mine"))
        w.images.hold.clear()
        await w.apply(pod_with("owner", "mine"))
        await asyncio.sleep(1)
        facts = dict(w.ledger.facts)
        await w.stop_agent()
        w.ledger.facts = facts
        w.images.hold.set()
        w.images.registries.dead.add(REGISTRY)
        w.start_agent()
        for how, image in (("name", old.names[0]), ("digest", old.digests[0]), ("id", old.id)):
            w.runtime.programs[image] = Program()
            await w.apply(image_of(f"free-{how}", image))
        await asyncio.sleep(2)
        for how in ("name", "digest", "id"):
            assert w.pod(f"free-{how}").status.phase == "Running"

    play(story)


@pytest.mark.parametrize("restarted", [False, True])
def test_an_image_that_is_loaded_while_its_pull_by_a_login_fails_is_for_all_and_stays_so(restarted: bool) -> None:
    async def story(w: World) -> None:
        w.images.registries.logins[REGISTRY] = Credential(REGISTRY, "board", "right")
        w.images.registries.dead.add(REGISTRY)
        await w.apply(secret("mine"))
        await w.apply(pod_with("owner", "mine"))
        await asyncio.sleep(120)
        if restarted:  # a doubt of before is over at the first try that comes a minute after the start
            await w.stop_agent()
            w.start_agent()
            await asyncio.sleep(400)
        written = dict(w.ledger.facts)
        await asyncio.sleep(3600)
        assert w.ledger.facts == written
        by_hand = loaded(NAME)
        w.images.here[by_hand.id] = by_hand
        w.runtime.programs[NAME] = Program()
        await asyncio.sleep(20)
        assert w.pod("owner").status.phase == "Running"
        await w.stop_agent()
        w.start_agent()
        await w.apply(image_of("stranger", NAME))
        await asyncio.sleep(2)
        assert w.pod("stranger").status.phase == "Running"

    play(story)


def test_what_came_without_a_login_although_one_was_offered_is_for_all_after_a_restart_without_a_link() -> None:
    async def story(w: World) -> None:
        w.images.registries.offer(NAME)
        w.runtime.programs[NAME] = Program()
        await w.apply(secret("mine"))
        await w.apply(pod_with("owner", "mine"))
        await asyncio.sleep(2)
        await w.stop_agent()
        w.images.registries.dead.add(REGISTRY)
        w.start_agent()
        await w.apply(pod_with("with", "mine"))
        await w.apply(image_of("without", NAME))
        await asyncio.sleep(2)
        assert w.pod("with").status.phase == "Running"
        assert w.pod("without").status.phase == "Running"

    play(story)


def test_lost_records_close_what_may_have_come_by_a_login_until_a_registry_was_asked() -> None:
    async def story(w: World) -> None:
        await locked(w)
        info = next(one for one in w.images.here.values() if NAME in one.names)
        public, built = f"{REGISTRY}.open/tool:1", loaded("localhost/built:1")
        w.images.registries.offer(public)
        w.images.here[built.id] = built
        w.runtime.programs[public] = w.runtime.programs[built.names[0]] = Program()
        await w.apply(image_of("asks", public, policy="IfNotPresent"))
        await asyncio.sleep(2)
        assert w.pod("asks").status.phase == "Running"
        await w.stop_agent()
        w.ledger.facts = dict.fromkeys(w.ledger.facts, b"\0rubbish")
        w.start_agent()
        (told,) = [one for one in w.events.recorded if one.reason == "ImageAccessLost"]
        assert (told.regarding.kind, told.type) == ("Node", "Warning")
        assert "Pods have to ask the registry" in told.message
        await nobody_gets_in(w, info)
        for name, image in (("public", public), ("made-here", built.names[0])):
            await w.apply(image_of(name, image))
        await asyncio.sleep(2)
        assert waiting(w, "public")[0] == "ErrImageNeverPull"
        assert w.pod("made-here").status.phase == "Running"
        await w.apply(image_of("asked", public, policy="IfNotPresent"))
        await w.apply(pod_with("again", "mine"))
        await asyncio.sleep(2)
        assert w.pod("asked").status.phase == "Running"
        assert w.pod("again").status.phase == "Running"
        await asyncio.sleep(60)
        await w.apply(image_of("looks", built.names[0]))
        await asyncio.sleep(2)
        await w.stop_agent()
        w.images.registries.dead |= {REGISTRY, f"{REGISTRY}.open"}
        by_hand = loaded("somewhere.example/new:1")
        w.images.here[by_hand.id] = by_hand
        w.runtime.programs[by_hand.names[0]] = Program()
        w.start_agent()
        await w.apply(image_of("by-hand", by_hand.names[0]))
        await w.apply(image_of("later", public))
        await w.apply(image_of("stranger", NAME))
        await asyncio.sleep(2)
        assert w.pod("later").status.phase == "Running"
        assert w.pod("by-hand").status.phase == "Running"
        assert waiting(w, "stranger")[0] == "ErrImageNeverPull"

    play(story)


def test_a_pull_that_failed_for_a_full_disk_does_not_close_what_is_loaded_then() -> None:
    async def story(w: World) -> None:
        w.images.registries.logins[REGISTRY] = Credential(REGISTRY, "board", "right")
        offered = w.images.registries.offer(NAME)
        w.images.broken_off.append(UnclearPullError("ErrImagePull", "no space left on device"))
        w.images.lost.add(offered.id)
        w.runtime.programs[NAME] = Program()
        await w.apply(secret("mine"))
        await w.apply(pod_with("owner", "mine"))
        await asyncio.sleep(1)
        assert w.images.pulls == [NAME]
        by_hand = loaded(NAME)
        w.images.here[by_hand.id] = by_hand
        await w.apply(image_of("stranger", NAME))
        await asyncio.sleep(2)
        assert w.pod("stranger").status.phase == "Running"

    play(story)


def test_a_pull_that_ended_well_leaves_no_doubt_on_the_disk() -> None:
    async def story(w: World) -> None:
        await locked(w)
        await w.apply(pod_with("newest", "mine", policy="Always"))
        await asyncio.sleep(2)
        assert w.images.pulls == [NAME, NAME]
        state = json.loads(w.ledger.facts["image-access"])
        assert (state["begun"], state["known"]) == ([], [])

    play(story)


def test_an_image_that_came_damaged_is_closed_when_it_can_be_read_again() -> None:
    async def story(w: World) -> None:
        w.images.registries.logins[REGISTRY] = Credential(REGISTRY, "board", "right")
        offered = w.images.registries.offer(NAME)
        w.images.broken_off.append(DamagedImageError("ImageInspectError", "layer not known"))
        w.images.damaged.add(offered.id)
        await w.apply(secret("mine"))
        await w.apply(pod_with("owner", "mine"))
        await asyncio.sleep(1)
        assert offered.id in w.images.here
        await w.delete("owner", grace_s=0)
        await asyncio.sleep(3600)
        other = f"{REGISTRY}.open/tool:1"
        w.images.registries.offer(other)
        await w.apply(image_of("looks", other, policy="IfNotPresent"))
        await asyncio.sleep(2)
        w.images.damaged.clear()
        await nobody_gets_in(w, offered)

    play(story)


def test_doubts_that_an_agent_of_before_wrote_down_count_by_their_whole_names() -> None:
    async def story(w: World) -> None:
        await w.stop_agent()
        records = {"salt": "0" * 32, "begun": ["app:1", "No!"], "images": {}}
        w.ledger.facts["image-access"] = json.dumps(records).encode()
        doubtful, other = loaded("docker.io/library/app:1"), loaded("docker.io/library/other:1")
        for info in (doubtful, other):
            w.images.here[info.id] = info
            w.runtime.programs[info.names[0]] = Program()
        w.start_agent()
        await w.apply(image_of("stranger", "app:1"))
        await w.apply(image_of("free", "other:1"))
        w.runtime.programs["other:1"] = Program()
        await asyncio.sleep(2)
        assert waiting(w, "stranger")[0] == "ErrImageNeverPull"
        assert w.pod("free").status.phase == "Running"

    play(story)
