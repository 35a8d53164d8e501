"""What gets through: host ports from everywhere, the way out, and what must not get through."""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from edgelet.adapters.netns import pin, thread
from edgelet.adapters.sandboxes.keeper import Keeper
from edgelet.ports.pinned_sandboxes import PinnedSandbox
from edgelet.ports.runtime import PortMapping
from tests.contract.sandboxes.test_keeper import keeper, spec
from tests.fixtures.network_namespace import PATIENCE_S, inside, ip, make_socket, needs_root, on_a_node_async

pytestmark = needs_root

NODE, OUTSIDE = "192.0.2.1", "192.0.2.2"
TCP, UDP = socket.SOCK_STREAM, socket.SOCK_DGRAM
KINDS = {"TCP": TCP, "UDP": UDP}
PORTS = (
    PortMapping(80, 8080),
    PortMapping(53, 5353, "UDP"),
    PortMapping(81, 8081, host_ip="127.0.0.1"),
    PortMapping(82, 8082, host_ip=NODE),
)


@dataclass
class Site:
    """A node with two pods, and a machine outside that knows no way to the pods."""

    kept: Keeper
    web: PinnedSandbox
    other: PinnedSandbox
    outside: str

    def place(self, name: str) -> str:
        return {"web": self.web.network_path, "other": self.other.network_path, "outside": self.outside}[name]


@contextlib.asynccontextmanager
async def site(directory: Path) -> AsyncIterator[Site]:
    outside = directory.parent / "outside"

    def make() -> None:
        thread.unshare(thread.NEW_NET)
        pin.pin("net", outside)

    thread.run(make, name="outside")
    ip("link", "add", "up0", "type", "veth", "peer", "name", "eth0", "netns", str(outside))
    ip("addr", "add", f"{NODE}/24", "dev", "up0")
    ip("link", "set", "up0", "up")
    inside(str(outside), lambda: (ip("addr", "add", f"{OUTSIDE}/24", "dev", "eth0"), ip("link", "set", "eth0", "up")))
    kept = keeper(directory)
    try:
        yield Site(kept, await kept.create(spec("web", ports=PORTS)), await kept.create(spec("other")), str(outside))
    finally:
        for each in kept.look():
            await kept.remove(each.id)
        pin.unpin(outside)


@contextlib.contextmanager
def serving(place: str, kind: socket.SocketKind, port: int, address: str = "") -> Iterator[None]:
    """Tell everybody who asks at this port what address they seem to have."""
    server = inside(place, lambda: make_socket(kind)) if place else make_socket(kind)
    server.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    server.bind((address, port))
    server.settimeout(0.05)
    stop = threading.Event()

    def answer() -> None:
        while not stop.is_set():
            with contextlib.suppress(TimeoutError):
                if kind == UDP:
                    _, peer = server.recvfrom(100)
                    server.sendto(peer[0].encode(), peer)
                else:
                    connection, peer = server.accept()
                    with connection:
                        connection.sendall(peer[0].encode())

    if kind == TCP:
        server.listen()
    worker = threading.Thread(target=answer)
    worker.start()
    try:
        yield
    finally:
        stop.set()
        worker.join()
        server.close()


def ask(place: str, kind: socket.SocketKind, address: str, port: int, patience_s: float = PATIENCE_S) -> str:
    """Return what the server told; raises OSError where nobody answers."""

    def call() -> str:
        with make_socket(kind) as client:
            client.settimeout(patience_s)
            client.connect((address, port))
            if kind == UDP:
                client.send(b"who am I")
            return client.recv(100).decode()

    return inside(place, call) if place else call()


@pytest.fixture(params=["bridged frames pass the rules", "bridged frames do not"])
def filtered(request: pytest.FixtureRequest) -> Callable[[], None]:
    """Both ways in which kernels are set up (bridge-nf-call-iptables); Docker turns it on, others leave it off."""

    def set_up() -> None:
        path = Path("/proc/sys/net/bridge/bridge-nf-call-iptables")
        if path.exists():
            path.write_text("1" if request.param.endswith("rules") else "0")

    return set_up


@pytest.mark.parametrize("protocol", ["TCP", "UDP"])
def test_a_host_port_is_reached_from_everywhere(directory: Path, filtered: Callable[[], None], protocol: str) -> None:
    async def body() -> dict[str, str]:
        filtered()
        async with site(directory) as here:
            kind, port, inner = KINDS[protocol], *{"TCP": (8080, 80), "UDP": (5353, 53)}[protocol]
            with serving(here.web.network_path, kind, inner):
                return {
                    "the node's localhost": ask("", kind, "127.0.0.1", port),
                    "the node's address": ask("", kind, NODE, port),
                    "another pod": ask(here.other.network_path, kind, NODE, port),
                    "the pod itself": ask(here.web.network_path, kind, NODE, port),
                    "another pod by the gateway": ask(here.other.network_path, kind, "10.77.0.1", port),
                    "the pod itself by the gateway": ask(here.web.network_path, kind, "10.77.0.1", port),
                    "outside": ask(here.outside, kind, NODE, port),
                }

    seen_as = on_a_node_async(body)
    assert seen_as.pop("outside") == OUTSIDE  # the pod sees who asks
    assert seen_as.pop("the node's address") == NODE
    assert set(seen_as.values()) == {"10.77.0.1"}


@pytest.mark.parametrize(
    ("port", "inner", "reached"),
    [(8081, 81, {"node 127.0.0.1"}), (8082, 82, {f"node {NODE}", f"other {NODE}", f"outside {NODE}"})],
)
def test_a_port_of_one_address_is_reached_at_that_address_only(
    directory: Path, port: int, inner: int, reached: set[str]
) -> None:
    async def body() -> set[str]:
        found = set()
        async with site(directory) as here:
            with serving(here.web.network_path, TCP, inner):
                for place, path in (("node", ""), ("other", here.other.network_path), ("outside", here.outside)):
                    for address in (NODE, *(("127.0.0.1",) if place == "node" else ())):
                        with contextlib.suppress(OSError):
                            ask(path, TCP, address, port, 0.5)
                            found.add(f"{place} {address}")
        return found

    assert on_a_node_async(body) == reached


def test_pods_see_each_other_as_they_are_and_the_world_sees_the_node(directory: Path) -> None:
    async def body() -> None:
        async with site(directory) as here:
            with serving(here.web.network_path, TCP, 80), serving(here.outside, TCP, 9), serving("", TCP, 7):
                assert ask(here.other.network_path, TCP, here.web.ips[0], 80) == here.other.ips[0]
                assert ask("", TCP, here.web.ips[0], 80) == "10.77.0.1"
                assert ask(here.web.network_path, TCP, OUTSIDE, 9) == NODE
                assert ask(here.web.network_path, TCP, "10.77.0.1", 7) == here.web.ips[0]

    on_a_node_async(body)


def test_pods_do_not_get_at_the_nodes_loopback(directory: Path) -> None:
    async def body() -> None:
        async with site(directory) as here:
            with serving("", TCP, 7, "127.0.0.1"), serving("", UDP, 7, "127.0.0.1"):

                def way() -> None:
                    Path("/proc/sys/net/ipv4/conf/all/route_localnet").write_text("1")
                    ip("addr", "del", "127.0.0.1/8", "dev", "lo")
                    ip("route", "replace", "127.0.0.0/8", "via", "10.77.0.1", "table", "5")
                    ip("rule", "add", "pref", "0", "to", "127.0.0.0/8", "lookup", "5")
                    ip("rule", "add", "pref", "5", "lookup", "local")
                    ip("rule", "del", "pref", "0", "lookup", "local")

                inside(here.other.network_path, way)
                for kind in (TCP, UDP):
                    with pytest.raises(TimeoutError):
                        ask(here.other.network_path, kind, "127.0.0.1", 7, 0.5)
                ip("rule", "list")
                # The way itself is there: without our rule the packet arrives.
                os.system("nft flush chain ip edgelet_eltest0 input")  # noqa: S605  our own table, on the test's node
                assert ask(here.other.network_path, TCP, "127.0.0.1", 7, 2) == here.other.ips[0]

    on_a_node_async(body)


@pytest.mark.parametrize("protocol", ["TCP", "UDP"])
def test_a_port_follows_to_the_pod_that_has_it_now(directory: Path, protocol: str) -> None:
    async def body() -> None:
        kind, port, inner = KINDS[protocol], *{"TCP": (8080, 80), "UDP": (5353, 53)}[protocol]
        async with site(directory) as here:
            client = inside(here.outside, lambda: make_socket(kind))
            client.bind(("", 40000))  # a client that keeps its port, as collectors of telemetry do
            if protocol == "UDP":
                client.connect((NODE, port))
                client.send(b"early")
                with pytest.raises(OSError, match="refused"):
                    client.recv(10)
            else:
                client.close()
            await here.kept.remove(here.web.id)
            moved = await here.kept.create(spec("moved", ports=PORTS))
            assert moved.ips != here.web.ips
            with serving(moved.network_path, kind, inner):
                if protocol == "TCP":
                    assert ask(here.outside, kind, NODE, port) == OUTSIDE
                else:
                    client.send(b"late")
                    assert await asyncio.to_thread(client.recv, 100) == OUTSIDE.encode()
            client.close()

    on_a_node_async(body)
