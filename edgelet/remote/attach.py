"""pods/NAME/attach: the ends of a container's main process, carried over an upgraded connection."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from dataclasses import dataclass

from edgelet.api.errors import EdgeletError
from edgelet.ports.local_api import Channel, Request, Upgrade
from edgelet.ports.object_store import Document, StoredObject
from edgelet.ports.pod_streams import AttachSession
from edgelet.ports.runtime import Runtime
from edgelet.remote import exec_frames, options, pod_containers, refusal
from edgelet.remote.exec_frames import EndOfInput, Ignored, Input, Resize

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class AttachOptions:
    """Which container, and which of its ends the client holds."""

    container_id: str
    stdin: bool
    stdout: bool
    stderr: bool
    tty: bool
    once: bool  # the first client that had the input and leaves ends it


def read_options(request: Request, pod: Document) -> AttachOptions:
    """Read the query against the pod as it is. Raises RefusedError(400) in kubectl's words.

    Source: the kubelet's GetAttach: whether there is a terminal is the container's matter, not the client's. Input is
    taken by containers whose spec has stdin, from others it is dropped.
    """
    stdin, stdout = options.flag(request, "stdin"), options.flag(request, "stdout")
    stderr = options.flag(request, "stderr")
    if not (stdin or stdout or stderr):
        raise refusal.bad_request("you must specify at least 1 of stdin, stdout, stderr")
    container = pod_containers.for_exec(pod, request.first("container"))
    container_id = pod_containers.running_id(pod, container, purpose="attach")
    spec = pod_containers.spec(pod, container)
    tty = bool(spec.get("tty"))
    return AttachOptions(
        container_id,
        stdin=stdin and bool(spec.get("stdin")),
        stdout=stdout,
        stderr=stderr and not tty,
        tty=tty,
        once=bool(spec.get("stdinOnce")) and not tty,
    )


def answer(
    request: Request, pod: StoredObject, *, runtime: Runtime, to_status: Callable[[EdgeletError], Document]
) -> Upgrade:
    """Answer a request to attach.

    Raises:
        RefusedError: 400, see `read_options`.
    """
    wanted = read_options(request, pod.document)
    log.info("attach by the local API", extra={"pod": str(pod.key), "peer": str(request.peer)})

    async def serve(channel: Channel) -> None:
        try:
            session = await runtime.open_attach(wanted.container_id, stdin=wanted.stdin, tty=wanted.tty)
        except EdgeletError as error:
            await channel.send(exec_frames.failed(dict(to_status(error))))
            return
        try:
            # The client may wait for a sign that the streams stand before it says anything.
            await channel.send(exec_frames.encode(exec_frames.STDOUT if wanted.stdout else exec_frames.ERROR, b""))
            await carry(channel, session, wanted)
        finally:
            await session.detach()

    return Upgrade(serve, subprotocols=exec_frames.SUBPROTOCOLS)


async def carry(channel: Channel, session: AttachSession, wanted: AttachOptions) -> None:
    """Carry both ways until the process ends or the client leaves; the end of its input is leaving, too.

    Source: containerd's attach: only where stdinOnce is set does the end of input close the process's own, and then
    the client stays for the output.
    """
    coming = asyncio.create_task(_carry_in(channel, session, wanted), name="attach/in")
    going = asyncio.create_task(_carry_out(channel, session, wanted), name="attach/out")
    try:
        await asyncio.wait((coming, going), return_when=asyncio.FIRST_COMPLETED)
        if going.done():
            going.result()
            await channel.send(exec_frames.ended(0))
        elif coming.result():
            await channel.send(exec_frames.ended(0))
    finally:
        for task in (coming, going):
            task.cancel()
        await asyncio.gather(coming, going, return_exceptions=True)
        if wanted.stdin and wanted.once:
            await session.close_stdin()


async def _carry_out(channel: Channel, session: AttachSession, wanted: AttachOptions) -> None:
    async for stream, data in session.output():
        if data and (wanted.stderr if stream == exec_frames.STDERR else wanted.stdout):
            await channel.send(exec_frames.encode(stream, data))


async def _carry_in(channel: Channel, session: AttachSession, wanted: AttachOptions) -> bool:
    """Feed the process until the client is gone (False) or said that this is all (True)."""
    open_ = wanted.stdin
    while (message := await channel.receive()) is not None:
        match exec_frames.decode(message, subprotocol=channel.subprotocol):
            case Input(data=data) if open_:
                await session.write(data)
            case EndOfInput() if wanted.once:
                open_ = False
                await session.close_stdin()
            case EndOfInput():
                return True
            case Resize(columns=columns, rows=rows) if wanted.tty:
                session.resize(columns=columns, rows=rows)
            case Input() | Resize() | Ignored():
                pass
    return False
