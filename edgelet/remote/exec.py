"""pods/NAME/exec: a process in a container, its ends carried over an upgraded connection."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from dataclasses import dataclass

from edgelet.api.errors import EdgeletError
from edgelet.ports.local_api import Channel, Request, Upgrade
from edgelet.ports.object_store import Document, StoredObject
from edgelet.ports.runtime import ExecSession, Runtime
from edgelet.remote import exec_frames, options, pod_containers, refusal
from edgelet.remote.exec_frames import EndOfInput, Ignored, Input, Resize

log = logging.getLogger(__name__)

KILL_TIMEOUT_S = 10.0


@dataclass(frozen=True, slots=True)
class ExecOptions:
    """What is run, and which of its ends the client holds."""

    container_id: str
    argv: tuple[str, ...]
    stdin: bool
    stdout: bool
    stderr: bool
    tty: bool


def read_options(request: Request, pod: Document) -> ExecOptions:
    """Read the query against the pod as it is. Raises RefusedError(400) in kubectl's words."""
    argv = tuple(request.query.get("command", ()))
    if not argv or not argv[0]:
        raise refusal.bad_request("you must specify at least one command for the container")
    tty = options.flag(request, "tty")
    stdin, stdout = options.flag(request, "stdin"), options.flag(request, "stdout")
    stderr = options.flag(request, "stderr") and not tty
    if not (stdin or stdout or stderr):
        raise refusal.bad_request("you must specify at least 1 of stdin, stdout, stderr")
    container = pod_containers.for_exec(pod, request.first("container"))
    container_id = pod_containers.running_id(pod, container)
    return ExecOptions(container_id, argv, stdin=stdin, stdout=stdout, stderr=stderr, tty=tty)


def answer(
    request: Request, pod: StoredObject, *, runtime: Runtime, to_status: Callable[[EdgeletError], Document]
) -> Upgrade:
    """Answer a request for exec. The process starts once the connection is upgraded.

    Raises:
        RefusedError: 400, see `read_options`.
    """
    wanted = read_options(request, pod.document)
    log.info("exec by the local API", extra={"pod": str(pod.key), "argv0": wanted.argv[0], "peer": str(request.peer)})

    async def serve(channel: Channel) -> None:
        # The client may wait for a sign that the streams stand before it says anything.
        await channel.send(exec_frames.encode(exec_frames.STDOUT if wanted.stdout else exec_frames.ERROR, b""))
        try:
            session = await runtime.open_exec(wanted.container_id, wanted.argv, stdin=wanted.stdin, tty=wanted.tty)
            await carry(channel, session, wanted)
        except EdgeletError as error:
            await channel.send(exec_frames.failed(dict(to_status(error))))

    return Upgrade(serve, subprotocols=exec_frames.SUBPROTOCOLS)


async def carry(channel: Channel, session: ExecSession, wanted: ExecOptions) -> None:
    """Carry both ways until the process ends or the client goes; then nothing of the process is left.

    Both directions wait for the slower side: nothing is read from the process while the client does not read, and
    nothing from the client while the process does not.
    """
    ended = False
    coming = asyncio.create_task(_carry_in(channel, session, wanted), name="exec/in")
    going = asyncio.create_task(_carry_out(channel, session, wanted), name="exec/out")
    try:
        await asyncio.wait((coming, going), return_when=asyncio.FIRST_COMPLETED)
        if going.done():
            exit_code = going.result()
            ended = True
            await channel.send(exec_frames.ended(exit_code))
        else:
            coming.result()  # the client went; raises what went wrong otherwise
    finally:
        for task in (coming, going):
            task.cancel()
        await asyncio.gather(coming, going, return_exceptions=True)
        if not ended:
            await _kill(session)


async def _carry_out(channel: Channel, session: ExecSession, wanted: ExecOptions) -> int:
    async for stream, data in session.output():
        if data and (wanted.stderr if stream == exec_frames.STDERR else wanted.stdout):
            await channel.send(exec_frames.encode(stream, data))
    return await session.wait()


async def _carry_in(channel: Channel, session: ExecSession, wanted: ExecOptions) -> None:
    """Feed the process until the client goes; a process that stopped reading is no reason to stop listening."""
    open_ = wanted.stdin
    while (message := await channel.receive()) is not None:
        try:
            match exec_frames.decode(message, subprotocol=channel.subprotocol):
                case Input(data=data) if open_:
                    await session.write(data)
                case EndOfInput() if open_:
                    open_ = False
                    await session.close_stdin()
                case Resize(columns=columns, rows=rows) if wanted.tty:
                    session.resize(columns=columns, rows=rows)
                case Input() | EndOfInput() | Resize() | Ignored():
                    pass
        except (EdgeletError, OSError) as error:
            open_ = False
            log.debug("the process takes no more input", extra={"error": str(error)})


async def _kill(session: ExecSession) -> None:
    try:
        async with asyncio.timeout(KILL_TIMEOUT_S):
            await session.kill()
    except (EdgeletError, OSError, TimeoutError) as error:
        log.warning("cannot end an exec that its client left", extra={"error": str(error)})
