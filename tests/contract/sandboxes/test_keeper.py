"""Sandboxes on a real kernel, on a node of the test's own; nothing of the machine's network is touched."""

from __future__ import annotations

import asyncio
import contextlib
import json
import subprocess
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from edgelet.adapters.host import mounts
from edgelet.adapters.host.clock import SystemClock
from edgelet.adapters.netns import pin
from edgelet.adapters.nftables import table
from edgelet.adapters.sandboxes import build
from edgelet.adapters.sandboxes.keeper import Keeper
from edgelet.api.errors import EngineError
from edgelet.ports.runtime import PodRef, PortMapping, SandboxSpec
from tests.fixtures.network_namespace import inside, ip, needs_root, on_a_node_async, output

pytestmark = needs_root

BRIDGE = "eltest0"


def keeper(directory: Path, *, bridge: str = BRIDGE, pool: str = "10.77.0.0/24") -> Keeper:
    return Keeper(directory=directory, bridge=bridge, pool=pool, clock=SystemClock())


def spec(name: str = "web", **changes: Any) -> SandboxSpec:
    made = SandboxSpec(pod=PodRef(f"uid-{name}", "default", name), hostname=name)
    return replace(made, **changes)


def veths() -> list[str]:
    return [line.split()[1].partition("@")[0] for line in ip("-o", "link", "show", "type", "veth").splitlines()]


def rules() -> list[str]:
    text = output("nft", "list", "ruleset")
    return [line.strip() for line in text.splitlines() if "dnat to" in line]


def pod_addresses(path: str) -> dict[str, list[str]]:
    """Return IPv4 addresses by interface that is up, as ip sees them inside."""
    found = json.loads(inside(path, lambda: ip("-j", "addr")))
    return {
        one["ifname"]: [f"{each['local']}/{each['prefixlen']}" for each in one["addr_info"] if each["family"] == "inet"]
        for one in found
        if "UP" in one["flags"]
    }


def test_a_sandbox_is_made_seen_and_gone_without_a_trace(directory: Path) -> None:
    async def body() -> None:
        kept = keeper(directory)
        made = await kept.create(spec(ports=(PortMapping(80, 8080),), sysctls={"net.core.somaxconn": "77"}))
        assert (made.ready, made.ips) == (True, ("10.77.0.2",))
        assert kept.look() == kept.look("uid-web") == (made,)
        assert kept.look("other") == ()
        assert (await kept.create(spec())).id == made.id
        assert inside(made.network_path, lambda: Path("/proc/sys/net/core/somaxconn").read_text()) == "77\n"
        assert output("nsenter", f"--uts={made.uts_path}", "hostname") == "web\n"
        assert pod_addresses(made.network_path) == {"lo": ["127.0.0.1/8"], "eth0": ["10.77.0.2/24"]}
        assert Path(made.shm_path).stat().st_mode & 0o7777 == 0o1777
        assert mounts.is_mount_point(made.shm_path)
        assert rules() == ["tcp dport 8080 dnat to 10.77.0.2:80"]
        for _ in range(2):
            await kept.remove(made.id)
        assert (kept.look(), veths(), rules(), list(directory.iterdir())) == ((), [], [], [])

    on_a_node_async(body)


@pytest.mark.parametrize(
    ("changes", "own"),
    [
        ({}, {"network_path", "ipc_path", "uts_path", "shm_path"}),
        ({"host_network": True}, {"ipc_path", "shm_path"}),
        ({"host_ipc": True}, {"network_path", "uts_path"}),
        ({"host_network": True, "host_ipc": True}, set()),
    ],
)
def test_a_pod_has_only_those_namespaces_that_it_does_not_share_with_the_node(
    directory: Path, changes: dict[str, Any], own: set[str]
) -> None:
    async def body() -> None:
        kept = keeper(directory)
        made = await kept.create(spec(**changes))
        paths = {name: getattr(made, name) for name in ("network_path", "ipc_path", "uts_path", "shm_path")}
        assert {name for name, path in paths.items() if path} == own
        assert (made.ready, bool(made.ips)) == (True, "network_path" in own)
        assert all(Path(path).exists() for path in paths.values() if path)
        await kept.remove(made.id)
        assert list(directory.iterdir()) == []

    on_a_node_async(body)


def test_pods_keep_their_addresses_when_the_agent_starts_again(directory: Path) -> None:
    async def body() -> None:
        first = keeper(directory)
        made = [await first.create(spec(f"p{number}", ports=(PortMapping(80, 8080 + number),))) for number in range(3)]
        await first.remove(made[1].id)
        before = rules()
        second = keeper(directory)
        await second.recover()
        assert second.look() == (made[0], made[2])
        assert rules() == before
        assert (await second.create(spec("p3"))).ips == ("10.77.0.5",)  # .3 rests
        for each in second.look():
            await second.remove(each.id)

    on_a_node_async(body)


def test_another_attempt_replaces_the_one_before(directory: Path) -> None:
    async def body() -> None:
        kept = keeper(directory)
        first = await kept.create(spec(ports=(PortMapping(80, 8080),)))
        second = await kept.create(spec(attempt=1, ports=(PortMapping(80, 8080),)))
        assert first.id != second.id
        assert kept.look() == (second,)
        assert rules() == [f"tcp dport 8080 dnat to {second.ips[0]}:80"]
        await kept.remove(second.id)

    on_a_node_async(body)


def test_many_at_once_have_an_address_each(directory: Path) -> None:
    async def body() -> None:
        kept = keeper(directory)
        made = await asyncio.gather(*(kept.create(spec(f"p{number}")) for number in range(12)))
        assert len({one.ips for one in made}) == 12
        assert all(one.ready for one in made)
        assert len(veths()) == 12
        await asyncio.gather(*(kept.remove(one.id) for one in made))
        assert veths() == []

    on_a_node_async(body)


def test_addresses_that_others_have_on_the_bridge_are_left_to_them(directory: Path) -> None:
    async def body() -> None:
        kept = keeper(directory, pool="10.77.0.0/29")
        given = kept.free_address(taken=frozenset({"10.77.0.2"}))
        assert given == "10.77.0.3"
        taken = frozenset({"10.77.0.2", given})
        made = [await kept.create(spec(name), taken=taken) for name in "abc"]
        assert [one.ips[0] for one in made] == ["10.77.0.4", "10.77.0.5", "10.77.0.6"]
        with pytest.raises(EngineError, match="all 5 of"):
            await kept.create(spec("d"), taken=taken)
        assert kept.look("uid-d") == ()
        for each in made:
            await kept.remove(each.id)

    on_a_node_async(body)


def test_a_port_that_somebody_has_is_refused_by_name(directory: Path) -> None:
    async def body() -> None:
        kept = keeper(directory)
        first = await kept.create(spec("first", ports=(PortMapping(80, 8080),)))
        with pytest.raises(EngineError, match=r"host port \*:8080/TCP: another pod has it") as refused:
            await kept.create(spec("second", ports=(PortMapping(80, 8080),)))
        assert refused.value.reason == "FailedCreatePodSandBox"
        listener = await asyncio.start_server(lambda _reader, writer: writer.close(), "127.0.0.1", 8081)
        with pytest.raises(EngineError, match="8081/TCP: address already in use"):
            await kept.create(spec("second", ports=(PortMapping(80, 8081),)))
        with pytest.raises(EngineError, match=r"192\.0\.2\.1:8082/UDP: the node has no such address"):
            await kept.create(spec("second", ports=(PortMapping(80, 8082, "UDP", "192.0.2.1"),)))
        listener.close()
        assert kept.look() == (first,)
        await kept.remove(first.id)

    on_a_node_async(body)


@pytest.mark.parametrize("station", ["before anything", "pinned", "wired", "not written down as made"])
def test_a_crash_between_two_steps_is_mended_by_asking_again(
    directory: Path, station: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Crash(BaseException):
        pass

    def crash(*_: object, **__: object) -> None:
        raise Crash

    async def body() -> None:
        dies = keeper(directory)
        with monkeypatch.context() as patch, contextlib.suppress(Crash):
            match station:
                case "before anything":
                    patch.setattr(build, "make", crash)
                case "pinned":
                    patch.setattr(build, "_wire", crash)
                case "wired":
                    patch.setattr(table, "replace", crash)
                case _:
                    patch.setattr("edgelet.adapters.sandboxes.record.Record.as_made", crash)
            await dies.create(spec(ports=(PortMapping(80, 8080),)))
        after = keeper(directory)
        assert [one.ready for one in after.look()] == [False]
        await after.recover()
        made = await after.create(spec(ports=(PortMapping(80, 8080),)))
        assert after.look() == (made,)
        assert made.ready
        assert (len(veths()), len(rules())) == (1, 1)
        await after.remove(made.id)
        assert (veths(), rules(), list(directory.iterdir())) == ([], [], [])

    on_a_node_async(body)


def test_a_caller_that_is_cancelled_leaves_nothing_half_made(directory: Path) -> None:
    async def body() -> None:
        kept = keeper(directory)
        for turns in range(12):
            call = asyncio.ensure_future(kept.create(spec()))
            for _ in range(turns):
                await asyncio.sleep(0)
            call.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await call
            made = await kept.create(spec())
            assert kept.look() == (made,)
            assert len(veths()) == 1
            await kept.remove(made.id)

    on_a_node_async(body)


def test_a_caller_that_is_cancelled_while_it_waits_for_its_turn_makes_nothing(directory: Path) -> None:
    async def body() -> None:
        kept = keeper(directory)
        first = asyncio.ensure_future(kept.create(spec("first")))
        await asyncio.sleep(0)
        second = asyncio.ensure_future(kept.create(spec("second")))
        await asyncio.sleep(0)
        second.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await second
        made = await first
        await kept.recover()  # its turn would come after whatever waits
        assert kept.look() == (made,)
        assert len(veths()) == 1
        await kept.remove(made.id)

    on_a_node_async(body)


def test_after_a_reboot_nothing_is_ready_and_all_can_be_removed(directory: Path) -> None:
    async def body() -> None:
        kept = keeper(directory)
        for one in (await kept.create(spec("a")), await kept.create(spec("b", host_network=True, host_ipc=True))):
            for path in (one.network_path, one.ipc_path, one.uts_path, one.shm_path):
                if path:
                    mounts.unmount(path)
            record = directory / f"{one.id}.json"
            record.write_text(record.read_text().replace('"bootId":"', '"bootId":"other-'))
        ip("link", "del", BRIDGE)
        after = keeper(directory)
        await after.recover()
        assert [one.ready for one in after.look()] == [False, False]
        for each in after.look():
            await after.remove(each.id)
        assert list(directory.iterdir()) == []

    on_a_node_async(body)


def test_what_no_record_names_is_swept_and_a_neighbours_things_are_not(directory: Path) -> None:
    async def body() -> None:
        ours, neighbour = keeper(directory), keeper(directory.parent / "n", bridge="other0", pool="10.78.0.0/24")
        kept, lost = await ours.create(spec("kept")), await ours.create(spec("lost"))
        theirs = await neighbour.create(spec("theirs", ports=(PortMapping(80, 8080),)))
        ip("link", "add", "vefremd", "type", "veth", "peer", "name", "vefremd2")
        (directory / f"{lost.id}.json").unlink()
        stray = build.Wires(BRIDGE, ours._wires.pool).veth("nobody")
        ip("link", "add", stray, "type", "veth", "peer", "name", "x0")
        after = keeper(directory)
        await after.recover()
        assert after.look() == (kept,)
        assert not Path(lost.network_path).exists()
        assert set(veths()) == {"vefremd", "vefremd2", after._wires.veth(kept.id), neighbour._wires.veth(theirs.id)}
        assert neighbour.look() == (theirs,)
        assert rules() == [f"tcp dport 8080 dnat to {theirs.ips[0]}:80"]
        await after.remove(kept.id)
        await neighbour.remove(theirs.id)

    on_a_node_async(body)


def test_what_somebody_took_away_is_put_back(directory: Path) -> None:
    async def body() -> None:
        kept = keeper(directory)
        made = await kept.create(spec(ports=(PortMapping(80, 8080),)))
        ip("link", "del", BRIDGE)
        output("nft", "flush", "ruleset")
        assert [one.ready for one in kept.look()] == [False]
        await kept.recover()
        assert kept.look() == (made,)
        assert rules() == ["tcp dport 8080 dnat to 10.77.0.2:80"]
        pod = inside(made.network_path, lambda: ip("route", "get", "192.0.2.1"))
        assert "via 10.77.0.1" in pod
        await kept.remove(made.id)

    on_a_node_async(body)


def test_an_agent_that_stops_leaves_only_what_pods_need(directory: Path) -> None:
    async def body() -> None:
        kept = keeper(directory)
        made = await kept.create(spec(ports=(PortMapping(80, 8080),)))
        await kept.leave()
        assert kept.look() == (made,)
        assert len(rules()) == 1
        await kept.remove(made.id)
        await kept.leave()
        assert output("nft", "list", "ruleset") == ""
        assert BRIDGE not in ip("link")
        again = await kept.create(spec(ports=(PortMapping(80, 8080),)))
        assert again.ready
        ip("link", "add", "guest", "type", "veth", "peer", "name", "x0")
        ip("link", "set", "guest", "master", BRIDGE)
        await kept.remove(again.id)
        await kept.leave()
        assert BRIDGE in ip("link")  # somebody else's by now

    on_a_node_async(body)


def test_a_bridge_name_that_is_something_else_is_said_so(directory: Path) -> None:
    async def body() -> None:
        ip("link", "add", BRIDGE, "type", "veth", "peer", "name", "x0")
        with pytest.raises(EngineError, match="eltest0 is no bridge; set another"):
            await keeper(directory).create(spec())
        assert list(directory.iterdir()) == []

    on_a_node_async(body)


def test_a_lost_pin_is_not_ready(directory: Path) -> None:
    async def body() -> None:
        kept = keeper(directory)
        made = await kept.create(spec())
        mounts.unmount(made.ipc_path)
        assert not pin.is_pinned(Path(made.ipc_path))
        assert [one.ready for one in kept.look()] == [False]
        await kept.remove(made.id)

    on_a_node_async(body)


def test_programs_that_hold_the_namespace_do_not_hold_the_removal(directory: Path) -> None:
    async def body() -> None:
        kept = keeper(directory)
        made = await kept.create(spec())
        with subprocess.Popen(("nsenter", f"--net={made.network_path}", "sleep", "100")) as held:
            await kept.remove(made.id)
            assert (veths(), list(directory.iterdir())) == ([], [])
            held.kill()

    on_a_node_async(body)
