"""The real aardvark-dns on a node of the test's own, asked from inside of pods' namespaces."""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
import signal
import socket
import subprocess
import tempfile
import threading
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from dataclasses import dataclass
from ipaddress import IPv4Address
from pathlib import Path

import pytest

from edgelet.adapters.aardvark import names_file, process, server
from edgelet.adapters.aardvark.server import AardvarkServer
from edgelet.adapters.host import mounts
from edgelet.adapters.host.clock import SystemClock
from edgelet.adapters.netns import thread
from edgelet.adapters.sandboxes.keeper import Keeper
from edgelet.api.errors import EngineError
from edgelet.ports.name_server import NameEntry
from edgelet.ports.pinned_sandboxes import PinnedSandbox
from edgelet.ports.runtime import PodRef, SandboxSpec
from tests.fixtures import dns
from tests.fixtures.agent import until
from tests.fixtures.network_namespace import inside, needs_root, on_a_node_async

pytestmark = needs_root

BRIDGE, POOL, GATEWAY = "eltest0", "10.77.0.0/24", "10.77.0.1"
PATIENCE_S = 20.0
_NEW_MOUNTS = 0x00020000  # Source: linux/sched.h


@pytest.fixture
def base() -> Iterator[Path]:
    """Where everything lies; afterwards no server and no mount may be left."""
    base = Path(tempfile.mkdtemp(prefix="el-", dir="/tmp"))
    yield base
    left = process.find(base / "dns" / "names")
    server.stop_in(base / "dns")
    for point in mounts.mounted_below(str(base)):
        mounts.unmount(point)
    shutil.rmtree(base)
    assert left is None


@dataclass
class Node:
    """A node with pods, whose names a server has."""

    base: Path
    kept: Keeper
    pods: dict[str, PinnedSandbox]
    server: AardvarkServer

    async def plug(self, name: str) -> None:
        spec = SandboxSpec(pod=PodRef(f"uid-{name}", "default", name), hostname=name)
        self.pods[name] = await self.kept.create(spec)

    async def unplug(self, name: str) -> None:
        await self.kept.remove(self.pods.pop(name).id)

    def entries(self) -> tuple[NameEntry, ...]:
        return tuple(
            NameEntry(IPv4Address(one.ips[0]), (f"{name}.default", name)) for name, one in sorted(self.pods.items())
        )

    async def serve(self) -> bool:
        return await self.server.serve(self.entries())

    def ask(self, pod: str, name: str) -> dns.Answer:
        return inside(self.pods[pod].network_path, lambda: dns.ask(GATEWAY, name))

    def pid(self) -> int:
        return int((self.base / "dns" / "names" / process.PID_FILE).read_text())


def make_server(base: Path, *, domain: str = "cluster.local") -> AardvarkServer:
    return AardvarkServer(
        directory=base / "dns", address=IPv4Address(GATEWAY), domain=domain, resolvers=base / "resolv.conf"
    )


@contextlib.asynccontextmanager
async def node(base: Path, *names: str) -> AsyncIterator[Node]:
    kept = Keeper(directory=base / "s", bridge=BRIDGE, pool=POOL, clock=SystemClock())
    made = Node(base, kept, {}, make_server(base))
    try:
        for each in names:
            await made.plug(each)
        yield made
    finally:
        await made.server.serve(())
        for sandbox in kept.look():
            await kept.remove(sandbox.id)


def on_a_node(base: Path, body: Callable[[Node], Awaitable[None]], *names: str) -> None:
    async def test() -> None:
        async with node(base, *names) as made:
            await body(made)

    on_a_node_async(test)


def test_pods_find_each_other_and_know_what_is_not_there(base: Path) -> None:
    async def body(site: Node) -> None:
        assert await site.serve()
        for name in ("web", "WEB", "web.default", "web.cluster.local", "web.default.cluster.local"):
            assert site.ask("other", name) == dns.Answer(0, ["10.77.0.2"])
        assert site.ask("web", "other.default.cluster.local") == dns.Answer(0, ["10.77.0.3"])
        # Below the cluster domain nobody else is asked: a board without a link has its answer at once.
        for name in ("nobody.default.svc.cluster.local", "example.com.cluster.local"):
            assert site.ask("web", name) == dns.Answer(dns.NXDOMAIN, [])

    on_a_node(base, body, "web", "other")


def test_all_else_is_asked_of_the_nodes_resolvers_on_its_loopback_too(base: Path) -> None:
    (base / "resolv.conf").write_text("nameserver 127.0.0.53\n")

    async def body(site: Node) -> None:
        def launch() -> None:
            thread.unshare(_NEW_MOUNTS)  # this thread's, and those of what it starts: the machine's file stays
            subprocess.run(("mount", "--make-rprivate", "/"), check=True)
            subprocess.run(("mount", "--bind", base / "resolv.conf", "/etc/resolv.conf"), check=True)
            names = base / "dns" / "names"
            names.mkdir(parents=True)
            (names / "pods").write_text(names_file.render(IPv4Address(GATEWAY), site.entries()))
            process.launch(process.program(), names, "cluster.local")

        thread.run(launch, name="other-resolvers")
        first = site.pid()
        with upstream("127.0.0.53", "192.0.2.99"):
            assert await site.serve()
            assert site.ask("web", "far.example") == dns.Answer(0, ["192.0.2.99"])
            assert site.ask("web", "far.example.cluster.local") == dns.Answer(dns.NXDOMAIN, [])
        assert site.pid() == first

    on_a_node(base, body, "web")


@contextlib.contextmanager
def upstream(address: str, answer: str) -> Iterator[None]:
    """Answer every question at this address with that one."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as listener:
        listener.bind((address, 53))
        stop = threading.Event()
        listener.settimeout(0.05)
        worker = threading.Thread(target=dns.answer_all, args=(listener, answer, stop))
        worker.start()
        try:
            yield
        finally:
            stop.set()
            worker.join()


def test_what_changes_is_answered_by_the_same_process_and_what_does_not_is_not_written(base: Path) -> None:
    async def body(site: Node) -> None:
        await site.serve()
        first, file = site.pid(), base / "dns" / "names" / "pods"
        written = file.stat()
        await site.serve()
        assert (file.stat().st_ino, file.stat().st_mtime_ns) == (written.st_ino, written.st_mtime_ns)
        await site.plug("late")
        await site.serve()
        assert until(lambda: site.ask("web", "late.cluster.local") == dns.Answer(0, ["10.77.0.3"]))
        await site.unplug("late")
        await site.serve()
        assert until(lambda: site.ask("web", "late.cluster.local") == dns.Answer(dns.NXDOMAIN, []))
        assert site.pid() == first

    on_a_node(base, body, "web")


def test_the_server_lives_in_no_pods_group_and_in_a_session_of_its_own(base: Path) -> None:
    async def body(site: Node) -> None:
        await site.serve()
        assert Path(f"/proc/{site.pid()}/cgroup").read_text() == Path("/proc/self/cgroup").read_text()
        assert os.getsid(site.pid()) == site.pid()

    on_a_node(base, body, "web")


def test_an_agent_that_starts_again_keeps_the_process_even_without_its_pid_file(base: Path) -> None:
    async def body(site: Node) -> None:
        await site.serve()
        first = site.pid()
        (base / "dns" / "names" / process.PID_FILE).unlink()
        site.server._forget()
        site.server = make_server(base)
        assert await site.serve()
        assert not (base / "dns" / "names" / process.PID_FILE).exists()  # nobody was started
        assert Path(f"/proc/{first}/comm").read_text() == "aardvark-dns\n"
        assert site.ask("web", "web") == dns.Answer(0, ["10.77.0.2"])

    on_a_node(base, body, "web")


def test_a_killed_server_is_noticed_and_comes_back_with_the_same_names(base: Path) -> None:
    async def body(site: Node) -> None:
        await site.serve()
        first = site.pid()
        os.kill(first, signal.SIGKILL)
        async with asyncio.timeout(PATIENCE_S):
            await site.server.ended()
        await site.serve()
        assert site.pid() != first
        assert site.ask("web", "web.default") == dns.Answer(0, ["10.77.0.2"])

    on_a_node(base, body, "web")


def test_a_server_that_lost_its_address_listens_again(base: Path) -> None:
    async def body(site: Node) -> None:
        await site.serve()
        subprocess.run(("ip", "addr", "flush", "dev", BRIDGE), check=True)
        assert not await site.serve()
        await site.kept.recover()
        assert await site.serve()
        assert site.ask("web", "web") == dns.Answer(0, ["10.77.0.2"])

    on_a_node(base, body, "web")


def test_without_pods_there_is_no_server_and_nothing_of_it(base: Path) -> None:
    async def body(site: Node) -> None:
        assert await site.serve()
        await site.plug("web")
        await site.serve()
        pid = site.pid()
        await site.unplug("web")
        assert await site.serve()
        assert not Path(f"/proc/{pid}").exists() or "\nState:\tZ" in Path(f"/proc/{pid}/status").read_text()
        assert not (base / "dns").exists()
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.2):
                await site.server.ended()  # it was stopped, it did not end

    on_a_node(base, body)


def test_before_the_bridge_is_there_nothing_is_started(base: Path) -> None:
    async def body(site: Node) -> None:
        assert not await site.server.serve((NameEntry(IPv4Address("10.77.0.2"), ("web",)),))
        assert process.find(base / "dns" / "names") is None

    on_a_node(base, body)


def test_another_cluster_domain_is_another_server(base: Path) -> None:
    async def body(site: Node) -> None:
        await site.serve()
        first = site.pid()
        site.server._forget()
        site.server = make_server(base, domain="board.example")
        await site.serve()
        assert site.pid() != first
        assert site.ask("web", "web.default.board.example") == dns.Answer(0, ["10.77.0.2"])

    on_a_node(base, body, "web")


def test_other_resolvers_of_the_node_are_read_anew_once(base: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    reloads, reload = list[int](), process.reload

    def counted(pidfd: int) -> None:
        reloads.append(pidfd)
        reload(pidfd)

    monkeypatch.setattr(process, "reload", counted)

    async def body(site: Node) -> None:
        await site.serve()
        (base / "resolv.conf").write_text("nameserver 192.0.2.1\n")
        for _ in range(3):
            await site.serve()
        assert len(reloads) == 1

    on_a_node(base, body, "web")


def test_a_port_that_is_taken_is_told_and_no_deaf_server_stays(base: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server, "_LISTENS_S", 0.5)

    async def body(site: Node) -> None:
        assert await site.server.why_not() == ""
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as other:
            other.bind(("", 53))
            assert "has UDP port 53" in await site.server.why_not()
            with pytest.raises(EngineError, match="cannot run aardvark-dns"):
                await site.serve()
            assert process.find(base / "dns" / "names") is None
        monkeypatch.undo()
        assert await site.serve()

    on_a_node(base, body, "web")


def test_a_board_without_the_program_says_what_to_install(base: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(process, "program", str)

    async def body(site: Node) -> None:
        assert "install the package aardvark-dns" in await site.server.why_not()
        with pytest.raises(EngineError, match="install the package aardvark-dns"):
            await site.serve()

    on_a_node(base, body, "web")


def test_a_server_of_somebody_else_is_never_touched(base: Path) -> None:
    async def body(site: Node) -> None:
        foreign = base / "foreign"
        foreign.mkdir()
        (foreign / "pods").write_text("127.0.0.1\n1 10.77.0.9  stranger\n")
        process.launch(process.program(), foreign, "cluster.local")
        pidfd = process.find(foreign)
        assert pidfd is not None
        try:
            await site.serve()
            (base / "dns" / "names" / process.PID_FILE).write_text((foreign / process.PID_FILE).read_text())
            await site.server.serve(())
            assert process.alive(pidfd)
            assert process.find(base / "dns" / "names") is None
        finally:
            process.stop(pidfd)
            os.close(pidfd)

    on_a_node(base, body, "web")
