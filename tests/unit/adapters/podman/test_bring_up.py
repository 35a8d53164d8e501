"""From settings to an engine that answers."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from edgelet.adapters.podman import bring_up, detect
from edgelet.adapters.podman.bring_up import Options
from edgelet.api.errors import EngineError
from tests.fixtures.podman import PrivatePodman, busybox_tar, make_private_podman, serving, tear_down
from tests.unit.adapters.podman.test_detect import BOARD


@pytest.fixture
def place() -> Iterator[PrivatePodman]:
    """Directories of a Podman whose settings edgelet itself writes."""
    podman = make_private_podman()
    podman.containers_conf.unlink()
    yield podman
    tear_down(podman)


def options_for(place: PrivatePodman) -> Options:
    return Options(
        run_dir=place.base / "run",
        state_dir=place.base / "state",
        bridge=place.network,
        pool=place.subnet,
        storage_root=place.storage_root,
        run_root=place.run_root,
        idle_exit_s=1,
    )


def podman_of(options: Options, *arguments: str) -> str:
    """Run podman as the agent does: with its flags and its settings."""
    done = subprocess.run(
        (*bring_up.arguments(options, "podman"), *arguments),
        env={"PATH": os.environ["PATH"], "CONTAINERS_CONF": str(options.run_dir / "containers.conf")},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


@pytest.mark.podman
async def test_an_engine_of_its_own_runs_a_pod_on_its_own_bridge(place: PrivatePodman) -> None:
    options = options_for(place)
    podman = await bring_up.bring_up(options)
    try:
        assert detect.require_version(podman.info.version) >= (4, 3)
        assert podman.info.storage_root == str(place.storage_root)
        assert podman.info.run_root == str(place.run_root)
        assert podman.info.network_backend == "netavark"
        assert podman.architecture in {"amd64", "arm64", "arm"}
        podman_of(options, "import", str(busybox_tar(place.base / "box.tar")), "localhost/box:1")
        body = {"image": "localhost/box:1", "command": ["sleep", "0.2"], "netns": {"nsmode": "bridge"}}
        container = (await podman.libpod.call("POST", "/containers/create", body=body)).json()["Id"]
        await podman.libpod.call("POST", f"/containers/{container}/start")
        seen = (await podman.libpod.call("GET", f"/containers/{container}/json")).json()
        address = seen["NetworkSettings"]["Networks"][podman.network]["IPAddress"]
        assert address.rpartition(".")[0] == place.subnet.rpartition(".")[0]
        assert podman.exits_dir.is_dir()
        assert podman_of(options, "wait", container) == "0"
    finally:
        await podman.engine.close()
        podman_of(options, "rm", "-a", "-f", "-t", "0")


@pytest.mark.podman
async def test_what_a_cut_pull_left_is_swept_and_files_are_the_same_again(place: PrivatePodman) -> None:
    options = options_for(place)
    await (await bring_up.bring_up(options)).engine.close()
    written = {name: (options.run_dir / name).read_text() for name in ("containers.conf", "oci-runtime.json")}
    leftover = options.state_dir / "copy" / "storage123"
    leftover.mkdir()
    podman = await bring_up.bring_up(options)
    await podman.engine.close()
    assert not leftover.exists()
    assert podman.copy_dir == leftover.parent
    assert {name: (options.run_dir / name).read_text() for name in written} == written


@pytest.mark.podman
async def test_who_the_engine_is_is_asked_once_a_boot(place: PrivatePodman) -> None:
    options = options_for(place)
    first = await bring_up.bring_up(options)
    assert first.engine.pid is not None
    await first.engine.close()
    again = await bring_up.bring_up(options)
    assert again.engine.pid is None, "nothing was asked"
    assert (again.info, again.architecture) == (first.info, first.architecture)
    await again.engine.close()
    (options.run_dir / "engine.json").write_text("torn")
    third = await bring_up.bring_up(options)
    assert (third.engine.pid is not None, third.info) == (True, first.info)
    await third.engine.close()


@pytest.mark.podman
async def test_a_service_of_others_is_joined_as_it_is(private_podman: PrivatePodman) -> None:
    async with serving(private_podman) as engine:
        options = replace(options_for(private_podman), socket=engine.socket_path, storage_root=None)
        podman = await bring_up.bring_up(options)
        assert podman.info.storage_root == str(private_podman.storage_root)
        assert (podman.network, podman.copy_dir) == ("", None)
        await podman.engine.close()
        assert engine.pid is not None
        assert not (options.run_dir / "containers.conf").exists()


async def test_a_missing_podman_is_told_with_the_remedy(tmp_path: Path) -> None:
    options = Options(run_dir=tmp_path, state_dir=tmp_path, bridge="x0", pool="10.1.0.0/24", program="no-podman-here")
    with pytest.raises(EngineError, match="apt-get install podman"):
        await bring_up.bring_up(options)


@pytest.mark.podman
async def test_a_folder_that_cannot_be_made_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    options = Options(run_dir=tmp_path / "file" / "run", state_dir=tmp_path, bridge="x0", pool="10.1.0.0/24")
    with pytest.raises(EngineError, match="cannot prepare"):
        await bring_up.bring_up(options)


@pytest.mark.podman
async def test_a_podman_that_does_not_serve_is_told_and_nothing_stays(tmp_path: Path) -> None:
    options = Options(
        run_dir=tmp_path / "r", state_dir=tmp_path, bridge="x0", pool="10.1.0.0/24", program="true", idle_exit_s=1
    )
    with pytest.raises(EngineError, match="podman") as caught:
        await bring_up.bring_up(options)
    assert caught.value.reason == "EngineUnavailable"
    assert not (tmp_path / "r" / "podman.sock").exists()


def test_the_hosts_storage_is_used_with_the_hosts_flags(tmp_path: Path) -> None:
    options = Options(run_dir=tmp_path, state_dir=tmp_path, bridge="x0", pool="10.1.0.0/24")
    assert bring_up.arguments(options, "/usr/bin/podman") == ("/usr/bin/podman",)
    own = replace(options, storage_root=Path("/data/images"))
    assert bring_up.arguments(own, "/p")[:3] == ("/p", "--root", "/data/images")
    assert str(tmp_path / "libpod") in bring_up.arguments(own, "/p")


def test_a_board_without_the_memory_cgroup_is_warned_of() -> None:
    none = bring_up.warnings(BOARD, detect.Network("netavark"))
    some = bring_up.warnings(replace(BOARD, memory_controller=False), detect.Network("cni", "old"))
    assert none == ()
    assert len(some) == 2
    assert "cgroup_enable=memory" in some[0]


def test_a_board_without_the_init_of_infra_containers_is_warned_of() -> None:
    told = bring_up.warnings(replace(BOARD, catatonit_path=""), detect.Network("netavark"))
    assert len(told) == 1
    assert "apt-get install catatonit" in told[0]
