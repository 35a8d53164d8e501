"""An image that came by a login: who else may use it."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import json
from dataclasses import replace
from typing import Any

import pytest

from edgelet.api.errors import AbandonedPullError, DamagedImageError, EngineError, StorageError, UnclearPullError
from edgelet.ports.images import Credential, ImageInfo
from tests.fakes.runtime import Program
from tests.fakes.world import World, pod_document
from tests.flow.pods.stories import play

REGISTRY = "locked.example"
NAME = f"{REGISTRY}/app:1"


def pod_with(name: str, *secrets: str, policy: str = "IfNotPresent") -> dict[str, Any]:
    container = {"name": "app", "image": NAME, "imagePullPolicy": policy}
    return pod_document(name, containers=[container], imagePullSecrets=[{"name": one} for one in secrets])


def secret(name: str, word: str = "right") -> dict[str, Any]:
    login = base64.b64encode(f"board:{word}".encode()).decode()
    text = json.dumps({"auths": {REGISTRY: {"auth": login}}})
    data = {".dockerconfigjson": base64.b64encode(text.encode()).decode()}
    metadata = {"name": name, "namespace": "default"}
    return {"apiVersion": "v1", "kind": "Secret", "metadata": metadata, "type": "kubernetes.io/dockerconfigjson"} | {
        "data": data
    }


async def locked(w: World) -> None:
    w.images.registries.logins[REGISTRY] = Credential(REGISTRY, "board", "right")
    w.images.registries.offer(NAME)
    w.runtime.programs[NAME] = Program()
    await w.apply(secret("mine"))
    await w.apply(pod_with("owner", "mine"))
    await asyncio.sleep(2)
    assert w.pod("owner").status.phase == "Running"
    assert w.images.pulls == [NAME]


def waiting(w: World, name: str) -> tuple[str, str]:
    found = w.pod(name).status.container_statuses[0].state.waiting
    return (found.reason or "", found.message or "") if found else ("", "")


def test_a_pod_without_the_login_has_to_show_one_to_the_registry() -> None:
    async def story(w: World) -> None:
        await locked(w)
        await w.apply(pod_with("stranger"))
        await asyncio.sleep(1)
        assert waiting(w, "stranger")[0] == "ErrImagePull"
        assert "unauthorized" in waiting(w, "stranger")[1]
        await asyncio.sleep(60)
        assert w.pod("stranger").status.phase == "Pending"

    play(story)


def test_the_same_secret_or_the_same_login_asks_nobody_also_after_a_restart_without_a_registry() -> None:
    async def story(w: World) -> None:
        await locked(w)
        await w.stop_agent()
        w.images.registries.dead.add(REGISTRY)
        w.start_agent()
        await w.apply(secret("copy"))
        await w.apply(pod_with("same-secret", "mine"))
        await w.apply(pod_with("same-login", "copy"))
        await w.apply(pod_with("stranger"))
        await asyncio.sleep(2)
        assert w.pod("same-secret").status.phase == "Running"
        assert w.pod("same-login").status.phase == "Running"
        assert waiting(w, "stranger")[0] in {"RegistryUnavailable", "ImagePullBackOff"}

    play(story)


def test_a_secret_whose_password_was_changed_stays_good_for_what_is_here() -> None:
    async def story(w: World) -> None:
        await locked(w)
        await w.apply(secret("mine", word="new"))
        await w.apply(pod_with("later", "mine"))
        await asyncio.sleep(2)
        assert w.pod("later").status.phase == "Running"
        assert w.images.pulls == [NAME]

    play(story)


def test_a_wrong_login_and_the_policy_never_do_not_open_it() -> None:
    async def story(w: World) -> None:
        await locked(w)
        await w.apply(secret("wrong", word="guess"))
        await w.apply(pod_with("guesser", "wrong"))
        await w.apply(pod_with("offline", policy="Never"))
        await asyncio.sleep(2)
        assert waiting(w, "guesser")[0] in {"ErrImagePull", "ImagePullBackOff"}
        assert waiting(w, "offline")[0] == "ErrImageNeverPull"
        assert "cannot show that it may use it" in waiting(w, "offline")[1]

    play(story)


def test_one_that_the_registry_gives_to_everybody_later_is_for_everybody() -> None:
    async def story(w: World) -> None:
        await locked(w)
        del w.images.registries.logins[REGISTRY]
        await w.apply(pod_with("first"))
        await asyncio.sleep(2)
        assert w.images.pulls == [NAME, NAME]
        w.images.registries.dead.add(REGISTRY)
        await w.apply(pod_with("second"))
        await asyncio.sleep(2)
        assert w.pod("second").status.phase == "Running"

    play(story)


def test_what_nobody_fetched_by_a_login_is_for_all_and_nothing_is_written() -> None:
    async def story(w: World) -> None:
        w.images.registries.offer(NAME)
        w.runtime.programs[NAME] = Program()
        await w.apply(pod_with("first"))
        await asyncio.sleep(2)
        w.images.registries.dead.add(REGISTRY)
        await w.apply(pod_with("second"))
        await asyncio.sleep(2)
        assert w.pod("second").status.phase == "Running"
        assert w.ledger.facts == {}

    play(story)


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
        assert waiting(w, "stranger")[0] in {"RegistryUnavailable", "ImagePullBackOff"}

    play(story)


def test_a_login_that_cannot_be_noted_fetches_nothing() -> None:
    async def story(w: World) -> None:
        w.images.registries.logins[REGISTRY] = Credential(REGISTRY, "board", "right")
        w.images.registries.offer(NAME)
        await w.apply(secret("mine"))
        w.ledger.fail_with = StorageError("the disk is full", retry_after=None)
        await w.apply(pod_with("owner", "mine"))
        await asyncio.sleep(1)
        assert w.images.pulls == []
        assert w.pod("owner").status.phase == "Pending"
        await asyncio.sleep(30)
        assert w.images.pulls == [NAME]

    play(story)


def test_a_name_that_was_given_by_hand_stays_for_all_and_an_id_opens_nothing() -> None:
    async def story(w: World) -> None:
        await locked(w)
        info = next(one for one in w.images.here.values() if NAME in one.names)
        other = "localhost/loaded:1"
        w.images.here[info.id] = replace(info, names=(*info.names, other))
        w.runtime.programs[other] = w.runtime.programs[info.id] = Program()
        for name, image in (("by-name", other), ("by-id", info.id)):
            container = {"name": "app", "image": image, "imagePullPolicy": "Never"}
            await w.apply(pod_document(name, containers=[container]))
        await asyncio.sleep(2)
        assert w.pod("by-name").status.phase == "Running"
        assert waiting(w, "by-id")[0] == "ErrImageNeverPull"

    play(story)


def test_another_way_to_write_the_name_is_no_way_in() -> None:
    async def story(w: World) -> None:
        hub, full = "private/app:1", "docker.io/private/app:1"
        w.images.registries.logins["docker.io"] = Credential(REGISTRY, "board", "right")
        info = w.images.registries.offer(full)
        w.runtime.programs[full] = w.runtime.programs[hub] = Program()
        await w.apply(secret("mine"))
        for name, image, secrets in (("owner", full, [{"name": "mine"}]), ("stranger", hub, [])):
            container = {"name": "app", "image": image, "imagePullPolicy": "IfNotPresent"}
            await w.apply(pod_document(name, containers=[container], imagePullSecrets=secrets))
            await asyncio.sleep(2)
        assert info.id in w.images.here
        assert w.pod("owner").status.phase == "Running"
        assert waiting(w, "stranger")[0] in {"ErrImagePull", "ImagePullBackOff"}

    play(story)


def image_of(name: str, image: str, *secrets: str, policy: str = "Never") -> dict[str, Any]:
    container = {"name": "app", "image": image, "imagePullPolicy": policy}
    return pod_document(name, containers=[container], imagePullSecrets=[{"name": one} for one in secrets])


def ways_to(w: World, info: ImageInfo) -> dict[str, str]:
    """Names that lead to an image in the repository of NAME, which everything runs under."""
    digest = info.digests[0].partition("@")[2]
    repository = NAME.rpartition(":")[0]
    ways = {"name": NAME, "digest": info.digests[0], "both": f"{NAME}@{digest}", "id": info.id}
    ways["tag"] = f"{repository}:2"
    w.images.here[info.id] = replace(w.images.here[info.id], names=(*w.images.here[info.id].names, ways["tag"]))
    for one in ways.values():
        w.runtime.programs[one] = Program()
    return ways


async def nobody_gets_in(w: World, info: ImageInfo) -> None:
    ways = ways_to(w, info)
    for how, image in ways.items():
        await w.apply(image_of(f"stranger-{how}", image))
    await asyncio.sleep(2)
    assert {how: waiting(w, f"stranger-{how}")[0] for how in ways} == dict.fromkeys(ways, "ErrImageNeverPull")


def test_a_digest_with_another_repository_before_it_opens_nothing() -> None:
    async def story(w: World) -> None:
        await locked(w)
        info = next(one for one in w.images.here.values() if NAME in one.names)
        digest = info.digests[0].partition("@")[2]
        for number, repository in enumerate((f"{REGISTRY}/other", "evil.example/app", "localhost/app", "app")):
            for policy in ("Never", "IfNotPresent"):
                await w.apply(image_of(f"p{number}-{policy.lower()}", f"{repository}@{digest}", policy=policy))
        await asyncio.sleep(2)
        for number in range(4):
            assert waiting(w, f"p{number}-never")[0] == "ErrImageNeverPull"
            assert waiting(w, f"p{number}-ifnotpresent")[0] in {"ErrImagePull", "ImagePullBackOff"}

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


def loaded(name: str) -> ImageInfo:
    digest = "sha256:" + hashlib.sha256(name.encode()).hexdigest()
    info = ImageInfo(id=digest, names=(name,), digests=(), size_bytes=1000, architecture="amd64", layers=("/fake",))
    return replace(info, digests=(f"{name.rpartition(':')[0]}@{digest}",))


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
