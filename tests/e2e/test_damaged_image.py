"""An image's files are damaged: it is fetched anew, told, and the pods run; one that cannot be had is told too."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.fixtures import agent as fixture
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
    agent = AgentUnderTest()
    registries = agent.base / "registries.conf"
    registries.write_text(f'[[registry]]\nlocation = "{registry.address}"\ninsecure = true\n')
    agent.environment["CONTAINERS_REGISTRIES_CONF"] = str(registries)
    with agent:
        image = f"{registry.address}/box:1"
        tar = busybox_tar(agent.base / "box.tar", note="remote")
        agent.podman("import", "-q", str(tar), image)
        agent.podman("push", "--tls-verify=false", image)
        agent.podman("rmi", image)
        agent.podman("tag", TESTBOX, "localhost/only-here:1")
        yield agent


def remote(registry: Registry, name: str, **fields: Any) -> dict[str, Any]:
    return pod(name, container(image=f"{registry.address}/box:1", **fields))


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
    damage(agent.base / "s")
    agent.apply(remote(registry, "second"))
    until(lambda: phase(agent, "second") == "Running", within_s=30, what="the image was brought again")
    until(lambda: phase(agent, "first") == "Running", within_s=30)
    assert "ImageRepaired" in events(agent)


def test_a_damaged_image_that_nobody_has_is_told_and_left_where_it_is(agent: AgentUnderTest) -> None:
    lose_layer(agent.base / "s")
    agent.apply(pod("stuck", container(image="localhost/only-here:1")))
    until(lambda: "FailedImageRepair" in events(agent), within_s=30, what="it is told")
    assert "load it again" in events(agent)
    agent.podman("rmi", "--force", "localhost/only-here:1", TESTBOX)
    agent.podman("load", "--quiet", "--input", str(fixture.testbox_archive()))
    agent.podman("tag", TESTBOX, "localhost/only-here:1")
    until(lambda: phase(agent, "stuck") == "Running", within_s=30, what="the remedy helps")
