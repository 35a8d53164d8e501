"""pods/NAME/portforward: TCP connections to the pod's localhost, carried over an upgraded connection.

Kubernetes' WebSocket protocol: a data and an error channel for each port asked for, one connection a port. kubectl
tunnels SPDY through its WebSocket instead, which is not spoken here.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping
from dataclasses import dataclass, field

from edgelet.api.errors import EdgeletError
from edgelet.ports.local_api import Channel, Request, Upgrade
from edgelet.ports.object_store import Document, StoredObject
from edgelet.ports.pod_streams import PodConnection
from edgelet.ports.runtime import Runtime
from edgelet.remote import port_frames, refusal
from edgelet.remote.port_frames import Data, EndOfData, Ignored

log = logging.getLogger(__name__)

PORTS_LIMIT = 16  # connections that one request may open
_PORT_MAX = 65535
_SHOWN = 20  # characters of what is no port


def read_ports(request: Request, pod: Document) -> tuple[int, ...]:
    """Read which ports are meant, against the pod as it is. Raises RefusedError(400) in the kubelet's words."""
    texts = [text for value in request.query.get("ports", ()) for text in value.split(",")]
    if not texts:
        raise refusal.bad_request('query parameter "ports" is required')
    if len(texts) > PORTS_LIMIT:
        raise refusal.bad_request(f"{len(texts)} ports are too many for one request, it may have {PORTS_LIMIT}")
    ports = tuple(_port(text) for text in texts)
    phase = (pod.get("status") or {}).get("phase") or "Pending"
    if phase != "Running":
        raise refusal.bad_request(f"unable to forward port because pod is not running. Current status={phase}")
    return ports


def answer(request: Request, pod: StoredObject, *, runtime: Runtime) -> Upgrade:
    """Answer a request to forward ports.

    Raises:
        RefusedError: 400, see `read_ports`; also for SPDY.
    """
    if any("spdy/" in request.headers.get(name, "").lower() for name in ("upgrade", "sec-websocket-protocol")):
        message = "kubectl forwards ports by SPDY, which is not spoken here: use `edgelet port-forward`"
        raise refusal.bad_request(message)
    ports = read_ports(request, pod.document)
    log.info("port-forward by the local API", extra={"pod": str(pod.key), "ports": ports, "peer": str(request.peer)})

    async def serve(channel: Channel) -> None:
        await _Forward(channel, [_Pipe(number, port) for number, port in enumerate(ports)]).run(runtime, pod.uid)

    return Upgrade(serve, subprotocols=port_frames.SUBPROTOCOLS)


@dataclass(slots=True)
class _Pipe:
    """One port: its number in the request, and its connection once there is one."""

    number: int
    port: int
    connection: PodConnection | None = None
    settled: asyncio.Event = field(default_factory=asyncio.Event)  # connected, or refused
    said_all: asyncio.Event = field(default_factory=asyncio.Event)  # the client
    over: bool = False


class _Forward:
    """All connections of one request. The client goes on with one direction when the pod ended the other (v5)."""

    def __init__(self, channel: Channel, pipes: list[_Pipe]) -> None:
        self._channel = channel
        self._pipes: Mapping[int, _Pipe] = {pipe.number: pipe for pipe in pipes}
        self._half_close = channel.subprotocol == port_frames.V5

    async def run(self, runtime: Runtime, uid: str) -> None:
        """Carry until each connection is over, or the client is gone."""
        for pipe in self._pipes.values():
            for message in port_frames.opening(pipe.number, pipe.port):
                await self._channel.send(message)
        coming = asyncio.create_task(self._carry_in(), name="port-forward/in")
        going = [
            asyncio.create_task(self._carry_out(pipe, runtime, uid), name=f"port-forward/{pipe.port}")
            for pipe in self._pipes.values()
        ]
        left = set(going)
        try:
            while left and not coming.done():
                done, _ = await asyncio.wait((coming, *left), return_when=asyncio.FIRST_COMPLETED)
                for task in done:
                    task.result()
                left -= done
        finally:
            for task in (coming, *going):
                task.cancel()
            await asyncio.gather(coming, *going, return_exceptions=True)
            for pipe in self._pipes.values():
                if pipe.connection is not None:
                    pipe.connection.close()

    async def _carry_out(self, pipe: _Pipe, runtime: Runtime, uid: str) -> None:
        """Connect, and give what the pod says until it said all; at half-close wait for the client's end as well."""
        try:
            try:
                pipe.connection = await runtime.open_port(uid, pipe.port)
            finally:
                pipe.settled.set()
            while data := await pipe.connection.receive():
                await self._channel.send(port_frames.data(pipe.number, data))
            if self._half_close:
                await self._channel.send(port_frames.end(pipe.number))
                await pipe.said_all.wait()
        except EdgeletError as error:
            text = f"error forwarding port {pipe.port} to pod {uid}, uid : {error.message}"
            await self._channel.send(port_frames.error(pipe.number, text))
        pipe.over = True

    async def _carry_in(self) -> None:
        """Feed the pod until the client is gone. A port that takes nothing holds all ports of its request."""
        while (message := await self._channel.receive()) is not None:
            frame = port_frames.decode(message, subprotocol=self._channel.subprotocol)
            match frame:
                case Data(number=number, data=data) if pipe := self._pipes.get(number):
                    await self._feed(pipe, data)
                case EndOfData(number=number) if pipe := self._pipes.get(number):
                    await pipe.settled.wait()
                    if pipe.connection is not None and not pipe.over:
                        pipe.connection.end()
                    pipe.said_all.set()
                case Data() | EndOfData() | Ignored():
                    pass

    async def _feed(self, pipe: _Pipe, data: bytes) -> None:
        await pipe.settled.wait()
        if pipe.connection is None or pipe.over or pipe.said_all.is_set():
            return
        try:
            await pipe.connection.send(data)
        except EdgeletError as error:
            pipe.said_all.set()  # nothing more gets there; what it still says is read to its end
            log.debug("a forwarded port takes no more", extra={"port": pipe.port, "error": error.message})


def _port(text: str) -> int:
    # Python reads no number of thousands of digits.
    if not (text.isascii() and text.isdecimal() and len(text) <= _SHOWN) or int(text) > _PORT_MAX:
        raise refusal.bad_request(f'unable to parse "{text[:_SHOWN]}" as a port')
    if int(text) < 1:
        raise refusal.bad_request(f'port "{text}" must be > 0')
    return int(text)
