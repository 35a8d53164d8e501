"""Pulls that do not end well, by the real Podman: nothing of them stays on the disk."""

from __future__ import annotations

import asyncio
import hashlib
import json
import os
import platform
import signal
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from edgelet.adapters.podman.engine import Engine
from edgelet.adapters.podman.images import PodmanImages
from edgelet.adapters.podman.libpod import Libpod
from edgelet.api.errors import AbandonedPullError, EngineError, ImageError, UnclearPullError
from tests.fixtures.podman import PrivatePodman, serving

pytestmark = pytest.mark.podman

_LAYER_BYTES = 2_000_000
_GO_WORDS = {"x86_64": "amd64", "aarch64": "arm64", "armv7l": "arm"}


@dataclass
class CuttingRegistry:
    """Offers one image whose layer never comes whole: after half of it the link is cut, or says no more."""

    stalls: bool = False
    address: str = ""
    half_sent: asyncio.Event = field(default_factory=asyncio.Event)
    release: asyncio.Event = field(default_factory=asyncio.Event)

    def __post_init__(self) -> None:
        self._layer = b"\x1f\x8b" + os.urandom(_LAYER_BYTES)
        config = {
            "architecture": _GO_WORDS.get(platform.machine(), "amd64"),
            "os": "linux",
            "rootfs": {"type": "layers", "diff_ids": [_digest(b"never seen")]},
        }
        self._config = json.dumps(config).encode()
        kind = "application/vnd.docker"
        self._manifest = json.dumps(
            {
                "schemaVersion": 2,
                "mediaType": f"{kind}.distribution.manifest.v2+json",
                "config": _descriptor(f"{kind}.container.image.v1+json", self._config),
                "layers": [_descriptor(f"{kind}.image.rootfs.diff.tar.gzip", self._layer)],
            }
        ).encode()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            if await reader.readexactly(1) == b"\x16":  # TLS is tried first
                return
            path = (await reader.readuntil(b"\r\n\r\n")).split()[1].decode()
            if path.endswith(_digest(self._layer)):
                await self._cut(writer)
            elif "/manifests/" in path:
                _answer(writer, self._manifest, "application/vnd.docker.distribution.manifest.v2+json")
            elif path.endswith(_digest(self._config)):
                _answer(writer, self._config, "application/octet-stream")
            else:
                _answer(writer, b"{}", "application/json")
            await writer.drain()
        except (OSError, asyncio.IncompleteReadError):
            pass  # the other side went away, as it may
        finally:
            writer.close()

    async def _cut(self, writer: asyncio.StreamWriter) -> None:
        writer.write(f"HTTP/1.1 200 OK\r\nContent-Length: {len(self._layer)}\r\nConnection: close\r\n\r\n".encode())
        writer.write(self._layer[: _LAYER_BYTES // 2])
        await writer.drain()
        self.half_sent.set()
        if self.stalls:
            await self.release.wait()


def _digest(content: bytes) -> str:
    return f"sha256:{hashlib.sha256(content).hexdigest()}"


def _descriptor(kind: str, content: bytes) -> dict[str, object]:
    return {"mediaType": kind, "size": len(content), "digest": _digest(content)}


def _answer(writer: asyncio.StreamWriter, body: bytes, kind: str) -> None:
    head = f"HTTP/1.1 200 OK\r\nContent-Type: {kind}\r\nContent-Length: {len(body)}\r\nConnection: close\r\n\r\n"
    writer.write(head.encode() + body)


@pytest.fixture
async def cutting() -> AsyncIterator[CuttingRegistry]:
    registry = CuttingRegistry()
    server = await asyncio.start_server(registry.serve, "127.0.0.1", 0)
    registry.address = f"127.0.0.1:{server.sockets[0].getsockname()[1]}"
    yield registry
    registry.release.set()
    server.close()
    await server.wait_closed()


@pytest.fixture
async def service(private_podman: PrivatePodman, cutting: CuttingRegistry) -> AsyncIterator[Engine]:
    private_podman.trust_insecure(cutting.address)
    async with serving(private_podman) as engine:
        yield engine


def images_of(engine: Engine, podman: PrivatePodman, *, stall_s: float = 300.0) -> PodmanImages:
    return PodmanImages(
        Libpod(engine),
        architecture=_GO_WORDS.get(platform.machine(), "amd64"),
        copy_dir=podman.copy_dir,
        stall_s=stall_s,
    )


def names_in(folder: Path) -> list[str]:
    return [path.name for path in folder.iterdir()]


async def until_empty(folder: Path, *, within_s: float = 5.0) -> None:
    end_s = asyncio.get_running_loop().time() + within_s
    while left := names_in(folder):
        assert asyncio.get_running_loop().time() < end_s, f"{left} stayed in {folder}"
        await asyncio.sleep(0.05)


async def test_a_link_that_is_cut_is_told_and_leaves_nothing(
    service: Engine, private_podman: PrivatePodman, cutting: CuttingRegistry
) -> None:
    images = images_of(service, private_podman)
    with pytest.raises(ImageError, match="EOF") as caught:
        await images.pull(f"{cutting.address}/cut:1")
    assert caught.value.reason == "RegistryUnavailable"
    assert not isinstance(caught.value, UnclearPullError)
    await until_empty(private_podman.copy_dir)
    assert await images.list() == ()


async def test_a_link_that_says_no_more_is_given_up_and_leaves_nothing(
    service: Engine, private_podman: PrivatePodman, cutting: CuttingRegistry
) -> None:
    cutting.stalls = True
    images = images_of(service, private_podman, stall_s=1.0)
    with pytest.raises(AbandonedPullError, match="nothing came for 1 s") as caught:
        await images.pull(f"{cutting.address}/stall:1")
    assert caught.value.reason == "RegistryUnavailable"
    await until_empty(private_podman.copy_dir)


async def test_an_engine_that_dies_in_the_midst_leaves_nothing_and_the_next_pull_can_go_on(
    service: Engine, private_podman: PrivatePodman, cutting: CuttingRegistry
) -> None:
    cutting.stalls = True
    images = images_of(service, private_podman)
    pulling = asyncio.create_task(images.pull(f"{cutting.address}/stall:1"))
    await cutting.half_sent.wait()
    assert service.pid is not None
    os.kill(service.pid, signal.SIGKILL)
    with pytest.raises(EngineError) as caught:
        await pulling
    assert caught.value.reason == "EngineUnavailable"
    await until_empty(private_podman.copy_dir, within_s=0.1)
    assert await images.find(f"{cutting.address}/stall:1") is None


async def test_a_pull_that_nobody_waits_for_any_more_ends_in_the_engine_too(
    service: Engine, private_podman: PrivatePodman, cutting: CuttingRegistry
) -> None:
    cutting.stalls = True
    images = images_of(service, private_podman)
    pulling = asyncio.create_task(images.pull(f"{cutting.address}/stall:1"))
    await cutting.half_sent.wait()
    pulling.cancel()
    with pytest.raises(asyncio.CancelledError):
        await pulling
    async with asyncio.timeout(5):
        await service._gone.wait()  # a pull under way would keep it
    await until_empty(private_podman.copy_dir)


async def test_other_calls_go_on_while_a_pull_waits(
    service: Engine, private_podman: PrivatePodman, cutting: CuttingRegistry
) -> None:
    cutting.stalls = True
    images = images_of(service, private_podman)
    pulling = asyncio.create_task(images.pull(f"{cutting.address}/stall:1"))
    await cutting.half_sent.wait()
    async with asyncio.timeout(5):
        assert await images.list() == ()
        assert await images.find("web") is None
    pulling.cancel()
    with pytest.raises(asyncio.CancelledError):
        await pulling
