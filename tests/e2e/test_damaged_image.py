"""An image's files are damaged: it is fetched anew, told, and the pods run; one that cannot be had is told too."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.fixtures import agent as fixture
from tests.fixtures import footprint
from tests.fixtures.agent import TESTBOX, AgentUnderTest, until
from tests.fixtures.podman import busybox_tar
from tests.fixtures.registry import Registry, running_registry
from tests.fixtures.workload import container, pod

pytestmark = [pytest.mark.podman, pytest.mark.slow]


@pytest.fixture(scope="module")
def registry() -> Iterator[Registry]:
    with running_registry(locked=False) as registry:
        yield registry


@pytest.fixture
def agent(registry: Registry) -> Iterator[AgentUnderTest]:
    agent = AgentUnderTest(settings={"podman": {"idle_exit_s": 1}})
    registries = agent.base / "registries.conf"
    registries.write_text(f'[[registry]]\nlocation = "{registry.address}"\ninsecure = true\n')
    agent.environment["CONTAINERS_REGISTRIES_CONF"] = str(registries)
    with agent:
        image = f"{registry.address}/box:1"
        tar = busybox_tar(agent.base / "box.tar", note="remote")
        agent.podman("import", "-q", str(tar), image)
        agent.podman("push", "--tls-verify=false", image)
        sibling, template = f"{registry.address}/box:2", agent.podman("create", image, "true")
        agent.podman("commit", "--quiet", "--change", "LABEL number=2", template, sibling)
        agent.podman("push", "--tls-verify=false", sibling)
        agent.podman("rm", template)
        agent.podman("rmi", image, sibling)
        agent.podman("tag", TESTBOX, "localhost/only-here:1")
        yield agent


def remote(registry: Registry, name: str, *, tag: int = 1, **fields: Any) -> dict[str, Any]:
    return pod(name, container(image=f"{registry.address}/box:{tag}", **fields))


def phase(agent: AgentUnderTest, name: str) -> str:
    return str(((agent.get("pod", name) or {}).get("status") or {}).get("phase"))


def events(agent: AgentUnderTest) -> str:
    return agent.cli("get", "events").stdout


def image_layers(storage: Path) -> list[Path]:
    return [one for one in (storage / "overlay").iterdir() if (one / "diff" / "bin" / "busybox").exists()]


def lose_layer(storage: Path) -> None:
    for layer in image_layers(storage):
        shutil.rmtree(layer)


def lose_files(storage: Path) -> None:
    for layer in image_layers(storage):
        shutil.rmtree(layer / "diff")


def lose_configuration(storage: Path) -> None:
    for image in (one for one in (storage / "overlay-images").iterdir() if one.is_dir()):
        for item in image.iterdir():
            item.unlink()


@pytest.mark.parametrize("damage", [lose_layer, lose_files, lose_configuration])
def test_a_damaged_image_is_fetched_anew(
    agent: AgentUnderTest, registry: Registry, damage: Callable[[Path], None]
) -> None:
    agent.apply(remote(registry, "first"))
    until(lambda: phase(agent, "first") == "Running", what="it runs")
    until(lambda: not services(agent), within_s=15, what="the engine rests: one that is awake has read the image")
    damage(agent.base / "s")
    agent.apply(remote(registry, "second"))
    until(lambda: phase(agent, "second") == "Running", within_s=30, what="the image was brought again")
    until(lambda: phase(agent, "first") == "Running", within_s=30)
    assert "ImageRepaired" in events(agent)


def test_images_that_share_a_lost_layer_are_fetched_together(agent: AgentUnderTest, registry: Registry) -> None:
    agent.apply(remote(registry, "first"), remote(registry, "second", tag=2))
    until(lambda: {phase(agent, one) for one in ("first", "second")} == {"Running"}, what="they run")
    lose_layer(agent.base / "s")
    agent.apply(remote(registry, "third", tag=2))
    until(lambda: phase(agent, "third") == "Running", within_s=40, what="the images were brought again")
    names = ("first", "second", "third")
    until(lambda: {phase(agent, one) for one in names} == {"Running"}, within_s=40, what="and all run")
    assert "ImageRepaired" in events(agent)


def cut(file: Path) -> None:
    os.truncate(file, file.stat().st_size // 2)


def zero(file: Path) -> None:
    file.write_bytes(bytes(file.stat().st_size))


@pytest.mark.parametrize("running", [True, False], ids=["while-it-runs", "at-start"])
@pytest.mark.parametrize("spoil", [cut, zero])
def test_a_layer_list_that_was_cut_is_mended_and_what_is_missing_fetched(
    agent: AgentUnderTest, registry: Registry, spoil: Callable[[Path], None], running: bool
) -> None:
    agent.apply(remote(registry, "first"))
    until(lambda: phase(agent, "first") == "Running", what="it runs")
    known = footprint.names(agent)
    if not running:
        agent.kill()
    until(lambda: not services(agent), within_s=15, what="the engine rests")
    spoil(agent.base / "s" / "overlay-layers" / "layers.json")
    if not running:
        agent.start()
    # One after the other: a pull of the third's image brings the layers that it shares with the second's.
    agent.apply(remote(registry, "second"))
    until(lambda: {phase(agent, one) for one in ("first", "second")} == {"Running"}, within_s=40, what="both run")
    until(lambda: {"ImageRepaired", "EngineRepaired"} & set(events(agent).split()), what="it is told")
    agent.apply(remote(registry, "third", tag=2))
    until(lambda: phase(agent, "third") == "Running", within_s=40, what="the third runs")
    for one in ("first", "second", "third"):
        agent.cli("delete", "pod", one)
    until(lambda: not agent.podman("ps", "--all", "--external", "--quiet"), within_s=30, what="nothing stays")
    assert not footprint.take(agent, known).mounts


def services(agent: AgentUnderTest) -> list[int]:
    return [pid for pid in agent.engine_processes() if b"service" in Path(f"/proc/{pid}/cmdline").read_bytes()]


def test_a_damaged_image_that_nobody_has_is_told_and_left_where_it_is(agent: AgentUnderTest) -> None:
    lose_layer(agent.base / "s")
    agent.apply(pod("stuck", container(image="localhost/only-here:1")))
    until(lambda: "FailedImageRepair" in events(agent), within_s=30, what="it is told")
    assert "load it again" in events(agent)
    agent.podman("rmi", "--force", "localhost/only-here:1", TESTBOX)
    agent.podman("load", "--quiet", "--input", str(fixture.testbox_archive()))
    agent.podman("tag", TESTBOX, "localhost/only-here:1")
    until(lambda: phase(agent, "stuck") == "Running", within_s=30, what="the remedy helps")
