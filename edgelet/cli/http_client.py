"""HTTP/1.1 over the agent's unix socket: one request a connection, everything bounded, clear words for silence."""

from __future__ import annotations

import socket
from collections.abc import Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass, field

import h11

from edgelet.cli.failure import CliError

CONNECT_TIMEOUT_S = 5.0
MAXIMUM_BODY_BYTES = 64 * 1024 * 1024  # four times what the agent's store may hold
CHUNK_BYTES = 64 * 1024


@dataclass(frozen=True, slots=True)
class Request:
    """What is asked. `timeout_s` bounds each wait for the agent; None where waiting is the point (watch, follow)."""

    method: str
    target: str
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""
    timeout_s: float | None = 60.0


@dataclass(frozen=True, slots=True)
class Response:
    """What was answered, before its body."""

    status: int
    headers: tuple[tuple[str, str], ...]  # names in lower case

    def all(self, name: str) -> list[str]:
        """The values of a header."""
        return [value for known, value in self.headers if known == name]


class Exchange:
    """One request and its response; closes its connection."""

    def __init__(self, path: str, request: Request) -> None:
        self._path = path
        self._timeout_s = request.timeout_s
        self._heard = False  # any byte yet
        self._socket = connect(path)
        self._protocol = h11.Connection(h11.CLIENT, max_incomplete_event_size=CHUNK_BYTES)
        try:
            self.response = self._ask(request)
        except BaseException:
            self._socket.close()
            raise

    def close(self) -> None:
        """Let the connection go, also in the middle of a body."""
        self._socket.close()

    def chunks(self) -> Iterator[bytes]:
        """The body, as it comes."""
        while True:
            event = self._event()
            if isinstance(event, h11.Data):
                yield bytes(event.data)
            elif isinstance(event, h11.EndOfMessage | h11.ConnectionClosed):
                return

    def body(self) -> bytes:
        """The whole body, up to the bound."""
        parts: list[bytes] = []
        size = 0
        for chunk in self.chunks():
            size += len(chunk)
            if size > MAXIMUM_BODY_BYTES:
                raise CliError(f"the agent's answer is larger than {MAXIMUM_BODY_BYTES} bytes")
            parts.append(chunk)
        return b"".join(parts)

    def _ask(self, request: Request) -> Response:
        headers = {"Host": "edgelet", "Connection": "close", "Accept": "application/json", **request.headers}
        if request.body:
            headers["Content-Length"] = str(len(request.body))
        elif request.method != "GET":
            headers["Content-Length"] = "0"
        head = h11.Request(method=request.method, target=request.target, headers=list(headers.items()))
        events: list[h11.Event] = [head, *([h11.Data(data=request.body)] if request.body else []), h11.EndOfMessage()]
        self._socket.settimeout(request.timeout_s)
        try:
            self._socket.sendall(b"".join(self._protocol.send(event) or b"" for event in events))
        except TimeoutError:
            raise self._silent() from None
        except OSError:
            pass  # a refusal may stand there already (413), with the rest of the request unread
        while True:
            event = self._event()
            if isinstance(event, h11.Response):
                pairs = ((name.decode("ascii"), value.decode("latin-1")) for name, value in event.headers)
                return Response(event.status_code, tuple(pairs))

    def _event(self) -> object:
        try:
            while (event := self._protocol.next_event()) is h11.NEED_DATA:
                data = self._socket.recv(CHUNK_BYTES)
                if not data and self._protocol.their_state is h11.SEND_RESPONSE and not self._heard:
                    raise self._broken("it closed the connection without an answer")
                self._heard = True
                self._protocol.receive_data(data)
        except TimeoutError:
            raise self._silent() from None
        except OSError as error:
            raise self._broken(error.strerror or str(error)) from error
        except h11.RemoteProtocolError as error:
            raise self._broken(str(error)) from error
        return event

    def _silent(self) -> CliError:
        return CliError(f"the agent at {self._path} did not answer within {self._timeout_s:g} s")

    def _broken(self, reason: str) -> CliError:
        return CliError(f"the connection to the agent at {self._path} broke: {reason}")


def exchange(path: str, request: Request) -> closing[Exchange]:
    """Send the request and read the head of the response, for use in a `with` statement.

    Raises:
        CliError: Nobody answers, or in no HTTP.
    """
    return closing(Exchange(path, request))


def connect(path: str) -> socket.socket:
    """A connection to the agent.

    Raises:
        CliError: There is none to be had; the message says what helps.
    """
    connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    connection.settimeout(CONNECT_TIMEOUT_S)
    try:
        connection.connect(path)
    except PermissionError as error:
        connection.close()
        raise CliError(
            f"cannot reach the agent at {path}: permission denied. Run as root, or as a member of the group edgelet "
            "(`sudo usermod -aG edgelet $USER`, then log in again)"
        ) from error
    except OSError as error:  # also a path that is too long: its message says so
        connection.close()
        raise CliError(
            f"cannot reach the agent at {path}: {error.strerror or error}. Is edgelet running? (`systemctl status "
            "edgelet`; --socket or EDGELET_SOCKET name another socket)"
        ) from error
    return connection
