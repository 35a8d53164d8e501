"""What every Images does, in memory or by Podman with real registries."""

from __future__ import annotations

import asyncio

import pytest

from edgelet.api.errors import ImageError, UnclearPullError
from edgelet.ports.images import Credential
from tests.contract.images.conftest import DEAD, World, login_of


async def test_an_image_that_is_not_here_is_not_found(world: World) -> None:
    assert await world.images.find(f"{world.open_registry}/none:1") is None
    assert await world.images.find("web") is None
    assert await world.images.find("sha256:" + "0" * 64) is None


async def test_a_pulled_image_is_found_by_name_digest_and_id(world: World) -> None:
    name = f"{world.open_registry}/team/web:1"
    by_digest = await world.offer(name)
    pulled = await world.images.pull(name)
    assert pulled.names == (name,)
    assert by_digest in pulled.digests
    assert pulled.architecture == "amd64"
    assert pulled.size_bytes > 0
    assert pulled.layers
    for reference in (name, by_digest, pulled.id):
        assert await world.images.find(reference) == pulled
    assert await world.images.list() == (pulled,)


async def test_no_tag_means_latest(world: World) -> None:
    await world.offer(f"{world.open_registry}/plain:latest")
    pulled = await world.images.pull(f"{world.open_registry}/plain")
    assert pulled.names == (f"{world.open_registry}/plain:latest",)
    assert await world.images.find(f"{world.open_registry}/plain") == pulled


async def test_a_digest_is_honoured_after_the_tag_moved(world: World) -> None:
    name = f"{world.open_registry}/moving:1"
    first = await world.offer(name)
    await world.offer(name)
    pulled = await world.images.pull(first)
    assert first in pulled.digests
    newest = await world.images.pull(name)
    assert newest.id != pulled.id
    found = await world.images.find(first)
    assert found is not None
    assert found.id == pulled.id


@pytest.mark.parametrize(
    "repository", ["{registry}/else/web", "{registry}/web", "evil.example/team/web", "localhost/web", "web"]
)
async def test_a_digest_of_another_repository_finds_nothing(world: World, repository: str) -> None:
    by_digest = await world.offer(f"{world.open_registry}/team/web:1")
    digest = by_digest.partition("@")[2]
    await world.images.pull(f"{world.open_registry}/team/web:1")
    other = repository.format(registry=world.open_registry)
    for reference in (f"{other}@{digest}", f"{other}:1@{digest}"):
        assert await world.images.find(reference) is None
    assert await world.images.find(f"{world.open_registry}/team/web:1@{digest}") is not None


async def test_an_id_and_the_end_of_a_name_are_no_names(world: World) -> None:
    name = f"{world.open_registry}/docker.io/team/web:1"
    await world.offer(name)
    pulled = await world.images.pull(name)
    for reference in ("team/web:1", "web:1", f"docker.io/team/web@{pulled.id}", f"localhost/web@{pulled.id}"):
        assert await world.images.find(reference) is None


async def test_a_digest_is_found_in_each_repository_that_the_image_has_a_name_in(world: World) -> None:
    by_digest = await world.offer(f"{world.open_registry}/team/web:1")
    pulled = await world.images.pull(by_digest)
    other = "good.example/team/web"
    await world.tag(pulled.id, f"{other}:2")
    for reference in (by_digest, f"{other}:2", f"{other}@{by_digest.partition('@')[2]}"):
        found = await world.images.find(reference)
        assert found is not None
        assert found.id == pulled.id


async def test_the_digest_of_what_is_here_is_not_had_from_a_registry_that_lacks_it(world: World) -> None:
    by_digest = await world.offer(f"{world.open_registry}/team/web:1")
    await world.images.pull(by_digest)
    with pytest.raises(ImageError) as caught:
        await world.images.pull(f"{world.open_registry}/none/web@{by_digest.partition('@')[2]}")
    assert caught.value.reason == "ErrImagePull"


async def test_pulling_again_brings_what_the_tag_means_now(world: World) -> None:
    name = f"{world.open_registry}/again:1"
    await world.offer(name)
    old = await world.images.pull(name)
    await world.offer(name)
    new = await world.images.pull(name)
    assert new.id != old.id
    assert await world.images.find(name) == new
    assert {info.id for info in await world.images.list()} == {old.id, new.id}


@pytest.mark.parametrize("reference", ["", "web/Case:1", "a b", "web@sha256:12", "web!", "x:y:z?"])
async def test_a_name_that_is_none_is_refused_at_once(world: World, reference: str) -> None:
    for ask in (world.images.find, world.images.pull):
        with pytest.raises(ImageError) as caught:
            await ask(reference)
        assert caught.value.reason == "InvalidImageName"


async def test_a_missing_image_is_told_in_the_registrys_words(world: World) -> None:
    with pytest.raises(ImageError, match="manifest unknown") as caught:
        await world.images.pull(f"{world.open_registry}/none:1")
    assert caught.value.reason == "ErrImagePull"


async def test_a_dead_registry_is_unavailable_and_worth_another_try(world: World) -> None:
    with pytest.raises(ImageError, match="connection refused") as caught:
        await world.images.pull(f"{DEAD}/web:1")
    assert caught.value.reason == "RegistryUnavailable"
    assert caught.value.retry_after is not None


async def test_without_a_login_a_locked_registry_refuses(world: World) -> None:
    name = f"{world.locked_registry}/closed:1"
    await world.offer(name)
    wrong = Credential(world.locked_registry, "board", "not it")
    elsewhere = login_of("registry.example")
    for credentials in ((), (wrong,), (elsewhere,)):
        with pytest.raises(ImageError, match=r"unauthorized|authentication|[Uu]sername") as caught:
            await world.images.pull(name, credentials)
        assert caught.value.reason == "ErrImagePull"
        assert "not it" not in str(caught.value)


async def test_credentials_are_tried_in_turn(world: World) -> None:
    name = f"{world.locked_registry}/closed:2"
    await world.offer(name)
    wrong = Credential(world.locked_registry, "board", "not it")
    pulled = await world.images.pull(name, (wrong, login_of(world.locked_registry)))
    assert pulled.names == (name,)
    assert pulled.pulled_with == login_of(world.locked_registry)


async def test_an_image_that_needs_no_login_came_by_none(world: World) -> None:
    name = f"{world.open_registry}/plain:3"
    await world.offer(name)
    pulled = await world.images.pull(name, (login_of(world.locked_registry),))
    assert pulled.pulled_with is None
    found = await world.images.find(name)
    assert found is not None
    assert found.pulled_with is None


async def test_an_image_of_another_architecture_is_refused_by_name(world: World) -> None:
    name = f"{world.open_registry}/foreign:1"
    await world.offer(name, architecture="s390x")
    for ask in (world.images.pull, world.images.find):
        with pytest.raises(ImageError, match=r"s390x.*amd64") as caught:
            await ask(name)
        assert caught.value.reason == "ErrImagePull"


async def test_it_is_told_whether_an_image_may_have_come_with_a_pull_that_failed(world: World) -> None:
    foreign, closed = f"{world.open_registry}/foreign:2", f"{world.locked_registry}/closed:3"
    await world.offer(foreign, architecture="s390x")
    await world.offer(closed)
    with pytest.raises(UnclearPullError):
        await world.images.pull(foreign)
    assert len(await world.images.list()) == 1
    wrong = Credential(world.locked_registry, "board", "not it")
    for name in (closed, f"{world.open_registry}/none:1", f"{DEAD}/web:1"):
        with pytest.raises(ImageError) as caught:
            await world.images.pull(name, (wrong,))
        assert not isinstance(caught.value, UnclearPullError)
    assert len(await world.images.list()) == 1


async def test_many_pulls_at_once_all_succeed(world: World) -> None:
    names = [f"{world.open_registry}/many:{number}" for number in (1, 2, 1, 1)]
    for name in set(names):
        await world.offer(name)
    pulled = await asyncio.gather(*(world.images.pull(name) for name in names))
    assert [info.names for info in pulled] == [(name,) for name in names]
    assert len({info.id for info in pulled}) == 2


async def test_a_removed_image_is_gone_and_removing_it_twice_is_no_error(world: World) -> None:
    name = f"{world.open_registry}/old:1"
    await world.offer(name)
    pulled = await world.images.pull(name)
    await world.images.remove(pulled.id)
    assert await world.images.find(name) is None
    assert await world.images.list() == ()
    await world.images.remove(pulled.id)


async def test_an_image_that_has_only_a_digest_is_removed(world: World) -> None:
    by_digest = await world.offer(f"{world.open_registry}/nameless:1")
    nameless = await world.images.pull(by_digest)
    await world.images.remove(nameless.id)
    assert await world.images.list() == ()
    assert await world.images.find(by_digest) is None


async def test_an_image_in_use_stays(world: World) -> None:
    name = f"{world.open_registry}/used:1"
    await world.offer(name)
    pulled = await world.images.pull(name)
    await world.use(pulled.id)
    with pytest.raises(ImageError) as caught:
        await world.images.remove(pulled.id)
    assert caught.value.reason == "ImageInUse"
    assert await world.images.find(name) == pulled


async def test_an_image_that_is_here_needs_no_registry(world: World) -> None:
    name = f"{world.open_registry}/kept:1"
    await world.offer(name)
    pulled = await world.images.pull(name)
    world.leave_no_link()
    assert await world.images.find(name) == pulled
