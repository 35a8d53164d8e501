"""An image that came by a login: who else may use it."""

from __future__ import annotations

import asyncio
from dataclasses import replace

from edgelet.api.errors import StorageError
from edgelet.ports.images import Credential
from tests.fakes.runtime import Program
from tests.fakes.world import World, pod_document
from tests.flow.pods.locked_image import (
    NAME,
    REGISTRY,
    image_of,
    locked,
    pod_with,
    secret,
    waiting,
)
from tests.flow.pods.stories import play


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
