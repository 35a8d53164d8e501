"""One client's connection: requests in, answers out, one after the other (HTTP/1.1, h11)."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence

import h11

from edgelet.adapters.local_api import request_parse
from edgelet.adapters.local_api.limits import ServerLimits
from edgelet.adapters.local_api.peer import hangup_watch
from edgelet.ports.local_api import Answer, Handler, Peer, Request, Response, Streaming, Upgrade, failure

log = logging.getLogger(__name__)

READ_BYTES = 65536
LINGER_S = 1.0
LINGER_BYTES = 8 * 1024 * 1024
BODYLESS = frozenset({204, 304})


class Connection:
    """Serves one socket until it closes, asks to close, breaks the protocol, or is too slow."""

    def __init__(
        self,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        *,
        handler: Handler,
        limits: ServerLimits,
        peer: Peer,
    ) -> None:
        self._reader = reader
        self._writer = writer
        self._handler = handler
        self._limits = limits
        self._peer = peer
        self._http = h11.Connection(h11.SERVER, max_incomplete_event_size=limits.header_bytes)
        self.idle = True  # between requests: may be closed at once when the server stops
        self.streaming = False  # would not end by itself

    async def run(self) -> None:
        """Serve. Raises nothing but CancelledError."""
        try:
            while await self._exchange():
                pass
        except (ConnectionError, TimeoutError) as error:
            log.debug("a client left or was too slow", extra={"peer": str(self._peer), "error": str(error)})
        except Exception:
            log.exception("a connection failed", extra={"peer": str(self._peer)})
        finally:
            self._writer.close()

    async def _exchange(self) -> bool:
        """Answer one request; whether another may follow."""
        try:
            self.idle = True
            head = await self._read_head()
            self.idle = False
            if head is None:
                return False
            request = await self._read_request(head)
        except h11.RemoteProtocolError as error:
            await self._refuse(failure(*_protocol_fault(error)))
            return False
        except request_parse.BadRequestError as error:
            await self._refuse(error.response, head=head)
            return False
        await self._answer(request, head, await self._handle(request))
        if self._http.our_state is not h11.DONE or self._http.their_state is not h11.DONE:
            return False
        self._http.start_next_cycle()
        return True

    # ---- reading

    async def _read_head(self) -> h11.Request | None:
        """Wait for a request: long for its first byte, briefly for the rest, however slowly it drips."""
        if not self._http.trailing_data[0]:
            async with asyncio.timeout(self._limits.idle_timeout_s):
                if not await self._receive():
                    return None
        async with asyncio.timeout(self._limits.header_timeout_s):
            while (event := self._http.next_event()) is h11.NEED_DATA:
                await self._receive()
        return event if isinstance(event, h11.Request) else None

    async def _read_request(self, head: h11.Request) -> Request:
        plan = request_parse.body_plan(head, limit_bytes=self._limits.body_bytes)
        if plan.refused is not None:
            raise request_parse.BadRequestError(plan.refused)
        if self._http.they_are_waiting_for_100_continue:
            await self._write(self._http.send(h11.InformationalResponse(status_code=100, headers=[])))
        async with asyncio.timeout(self._limits.body_timeout_s):
            body = await self._read_body()
        return request_parse.request(head, body=body, peer=self._peer)

    async def _read_body(self) -> bytes:
        body = bytearray()
        while True:
            event = self._http.next_event()
            if event is h11.NEED_DATA:
                await self._receive()
            elif isinstance(event, h11.Data):
                body += event.data
                if len(body) > self._limits.body_bytes:
                    raise request_parse.BadRequestError(request_parse.too_large(self._limits.body_bytes))
            else:  # EndOfMessage
                return bytes(body)

    async def _receive(self) -> bytes:
        """Feed h11 with what came; empty at the end of the stream, which h11 judges."""
        data = await self._reader.read(READ_BYTES)
        self._http.receive_data(data)
        return data

    # ---- handling

    async def _handle(self, request: Request) -> Answer:
        try:
            async with asyncio.timeout(self._limits.handler_timeout_s):
                return await self._handler(request)
        except TimeoutError:
            log.warning("a request took too long", extra={"method": request.method, "path": request.path})
            return failure(504, "Timeout", f"cannot answer within {self._limits.handler_timeout_s:g} s")
        except Exception:
            log.exception("a request failed", extra={"method": request.method, "path": request.path})
            return failure(500, "InternalError", "internal error; the agent's log says more")

    # ---- answering

    async def _answer(self, request: Request, head: h11.Request, answer: Answer) -> None:
        match answer:
            case Response():
                await self._respond(answer, head=head)
            case Streaming():
                self.streaming = True
                await self._stream(answer, bare=head.method == b"HEAD")
                self.streaming = False
            case Upgrade():
                self.streaming = True
                await self._upgrade(answer, request, head)

    async def _respond(self, response: Response, *, head: h11.Request | None, close: bool = False) -> None:
        headers = _headers(response.content_type, response.headers, close=close)
        if response.code not in BODYLESS:
            headers.append(("content-length", str(len(response.body))))
        out = self._http.send(h11.Response(status_code=response.code, headers=headers)) or b""
        if response.body and response.code not in BODYLESS and not (head and head.method == b"HEAD"):
            out += self._http.send(h11.Data(data=response.body)) or b""
        out += self._http.send(h11.EndOfMessage()) or b""
        await self._write(out)

    async def _refuse(self, response: Response, *, head: h11.Request | None = None) -> None:
        """Answer a request that is not read to its end, then close in a way that lets the client read the answer."""
        if self._http.our_state not in (h11.IDLE, h11.SEND_RESPONSE):
            return
        await self._respond(response, head=head, close=True)
        await self._linger()

    async def _linger(self) -> None:
        """Take what is still being sent, for a moment: closing on unread bytes would reset the answer away."""
        left = LINGER_BYTES
        try:
            if self._writer.can_write_eof():
                self._writer.write_eof()
            async with asyncio.timeout(LINGER_S):
                while left > 0 and (data := await self._reader.read(READ_BYTES)):
                    left -= len(data)
        except (OSError, TimeoutError):
            pass

    async def _stream(self, answer: Streaming, *, bare: bool) -> None:
        """Send a stream; the client's going away cancels this connection, and with it the stream."""
        task = asyncio.current_task()
        assert task is not None  # noqa: S101  always inside the server's task
        try:
            with hangup_watch(self._writer.get_extra_info("socket"), task.cancel):
                head = h11.Response(status_code=answer.code, headers=_headers(answer.content_type, answer.headers))
                await self._write(self._http.send(head))
                if not bare:
                    async for chunk in answer.chunks:
                        if chunk:
                            out = self._http.send(h11.Data(data=chunk))
                            await self._write(out, timeout_s=self._limits.stall_timeout_s)
                await self._write(self._http.send(h11.EndOfMessage()))
        except (ConnectionError, TimeoutError):
            raise
        except Exception:
            # The head is out: a broken end is all that is left to say it with.
            log.exception("a stream failed", extra={"peer": str(self._peer)})
            self._writer.transport.abort()
            self._http.send_failed()
        finally:
            await answer.chunks.aclose()

    async def _upgrade(self, answer: Upgrade, request: Request, head: h11.Request) -> None:
        from edgelet.adapters.local_api import websocket  # noqa: PLC0415  0.4 MB, for exec only

        agreed = websocket.agree(request.headers, method=request.method, subprotocols=answer.subprotocols)
        if isinstance(agreed, Response):
            await self._respond(agreed, head=head, close=True)
            return
        early = self._http.trailing_data[0]
        channel = websocket.WebSocketChannel(self._reader, self._writer, subprotocol=agreed.subprotocol, early=early)
        task = asyncio.current_task()
        assert task is not None  # noqa: S101  always inside the server's task
        self._http.send_failed()  # HTTP is over on this connection
        with hangup_watch(self._writer.get_extra_info("socket"), task.cancel):
            await self._write(agreed.handshake)
            await answer.serve(channel)
            await channel.close()

    async def _write(self, data: bytes | None, *, timeout_s: float | None = None) -> None:
        if not data:
            return
        self._writer.write(data)
        async with asyncio.timeout(timeout_s or self._limits.write_timeout_s):
            await self._writer.drain()


def _headers(content_type: str, more: Sequence[tuple[str, str]], *, close: bool = False) -> list[tuple[str, str]]:
    headers = [("content-type", content_type), ("cache-control", "no-cache, private"), *more]
    if close:
        headers.append(("connection", "close"))
    return headers


def _protocol_fault(error: h11.RemoteProtocolError) -> tuple[int, str, str]:
    code = error.error_status_hint
    reason = "RequestEntityTooLarge" if code == 431 else "BadRequest"  # noqa: PLR2004  header fields too large
    return code, reason, f"cannot read the request: {error}"
