"""A small agent for the command line to talk to: Kubernetes paths over a real unix socket, objects in memory."""

from __future__ import annotations

import json
import queue
import socketserver
import sys
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

from wsproto import ConnectionType, WSConnection
from wsproto.events import AcceptConnection, BytesMessage, CloseConnection, Request

Document = dict[str, Any]
CLUSTER = {"namespaces", "nodes"}
KINDS = {
    "pods": "Pod",
    "configmaps": "ConfigMap",
    "secrets": "Secret",
    "namespaces": "Namespace",
    "nodes": "Node",
    "events": "Event",
}


@dataclass(frozen=True)
class Asked:
    """One request as it came."""

    method: str
    path: str
    query: tuple[tuple[str, str], ...]
    content_type: str
    body: bytes

    def get(self, name: str) -> str:
        return dict(self.query).get(name, "")


@dataclass
class FakeAgent:
    """What it holds and what it was asked. Tests set the answers that are no objects."""

    socket_path: str
    objects: dict[tuple[str, str, str], Document] = field(default_factory=dict)
    asked: list[Asked] = field(default_factory=list)
    answers: dict[str, Document] = field(default_factory=dict)  # path -> document, before anything else
    refusals: dict[tuple[str, str], Document] = field(default_factory=dict)  # (method, path) -> Status
    logs: dict[str, bytes] = field(default_factory=dict)  # container -> text
    changes: queue.SimpleQueue[Document | None] = field(default_factory=queue.SimpleQueue)  # watch events, None ends
    warnings: list[str] = field(default_factory=list)
    exec_output: tuple[tuple[int, bytes], ...] = ()
    exec_status: Document = field(default_factory=lambda: {"status": "Success"})
    exec_echo: bool = False
    exec_inputs: list[bytes] = field(default_factory=list)
    lingering: int = 0  # so many looks find a deleted object still there
    version: int = 100

    def add(self, plural: str, document: Document) -> None:
        """Put an object in."""
        metadata = document["metadata"]
        namespace = "" if plural in CLUSTER else metadata.setdefault("namespace", "default")
        self.version += 1
        metadata.setdefault("uid", f"uid-{metadata['name']}")
        metadata["resourceVersion"] = str(self.version)
        self.objects[plural, namespace, metadata["name"]] = document

    def last(self, method: str) -> Asked:
        """The newest request of a method."""
        return next(one for one in reversed(self.asked) if one.method == method)


class _RefusedError(Exception):
    def __init__(self, code: int, reason: str, message: str, **details: Any) -> None:
        self.code = code
        self.status: Document = {
            "kind": "Status",
            "code": code,
            "reason": reason,
            "message": message,
            "details": details,
        }
        super().__init__(message)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    agent: FakeAgent

    def log_message(self, format: str, *args: Any) -> None:
        """Stay quiet."""

    def address_string(self) -> str:
        return "unix"

    def handle_one(self) -> None:
        url = urlsplit(self.path)
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        asked = Asked(self.command, url.path, tuple(parse_qsl(url.query)), self.headers.get("Content-Type", ""), body)
        self.agent.asked.append(asked)
        try:
            if (self.command, url.path) in self.agent.refusals:
                status = self.agent.refusals[self.command, url.path]
                self._send(int(status["code"]), status)
            elif url.path in self.agent.answers:
                self._send(200, self.agent.answers[url.path])
            else:
                self._resource(asked)
        except _RefusedError as refused:
            self._send(refused.code, refused.status)

    do_GET = do_POST = do_PATCH = do_DELETE = handle_one  # noqa: N815  the library's names

    def _resource(self, asked: Asked) -> None:
        parts = [unquote(part) for part in asked.path.removeprefix("/api/v1/").split("/")]
        if not asked.path.startswith("/api/v1/"):
            raise _RefusedError(404, "NotFound", "the server could not find the requested resource")
        namespace = ""
        if parts[0] == "namespaces" and len(parts) > 2:
            namespace, parts = parts[1], parts[2:]
        plural, name, subresource = parts[0], *(parts[1:2] or [""]), *(parts[2:3] or [""])
        if plural not in KINDS:
            raise _RefusedError(404, "NotFound", "the server could not find the requested resource")
        if subresource == "log":
            self._log(asked)
        elif subresource == "exec":
            self._exec()
        elif subresource:
            raise _RefusedError(405, "MethodNotAllowed", "the fake has no such subresource")
        elif asked.method == "POST":
            self._create(plural, json.loads(asked.body))
        elif not name:
            self._watch() if asked.get("watch") else self._list(plural, namespace, asked)
        else:
            self._one(asked, plural, namespace, name)

    def _one(self, asked: Asked, plural: str, namespace: str, name: str) -> None:
        key = (plural, namespace, name)
        found = self.agent.objects.get(key)
        if asked.method == "PATCH" and "apply" in asked.content_type:
            self._apply(asked, plural, found)
            return
        if found is None:
            raise _RefusedError(404, "NotFound", f'{plural} "{name}" not found', name=name, kind=plural)
        if asked.method == "DELETE":
            self._delete(key)
        elif asked.method == "PATCH" and (patch := json.loads(asked.body)):
            self.agent.add(plural, {**found, "patched": patch, "metadata": dict(found["metadata"])})
            found = self.agent.objects[key]
        elif found["metadata"].get("deletionTimestamp") and self.agent.lingering > 0:
            self.agent.lingering -= 1
            if self.agent.lingering == 0:
                del self.agent.objects[key]
        self._send(200, found)

    def _apply(self, asked: Asked, plural: str, found: Document | None) -> None:
        wanted = json.loads(asked.body)
        if found is not None and found.get("spec") == wanted.get("spec"):
            self._send(200, found)
            return
        if asked.get("dryRun") != "All":
            self.agent.add(plural, wanted)
        self._send(200 if found else 201, wanted)

    def _delete(self, key: tuple[str, str, str]) -> None:
        if self.agent.lingering == 0:
            del self.agent.objects[key]
        else:
            self.agent.objects[key]["metadata"]["deletionTimestamp"] = "2026-01-01T00:00:00Z"

    def _create(self, plural: str, document: Document) -> None:
        metadata = document["metadata"]
        key = (plural, metadata.get("namespace", ""), metadata["name"])
        if key in self.agent.objects:
            raise _RefusedError(
                409, "AlreadyExists", f'{plural} "{metadata["name"]}" already exists', name=metadata["name"]
            )
        self.agent.add(plural, document)
        self._send(201, document)

    def _list(self, plural: str, namespace: str, asked: Asked) -> None:
        wanted = dict(pair.split("=") for pair in asked.get("labelSelector").split(",") if pair)
        items = [
            one
            for (kind, where, _), one in sorted(self.agent.objects.items())
            if kind == plural
            and namespace in ("", where)
            and wanted.items() <= (one["metadata"].get("labels") or {}).items()
        ]
        name = asked.get("fieldSelector").removeprefix("metadata.name=")
        items = [one for one in items if not name or "involvedObject" in name or one["metadata"]["name"] == name]
        bare = [{key: value for key, value in one.items() if key not in {"kind", "apiVersion"}} for one in items]
        metadata = {"resourceVersion": str(self.agent.version)}
        self._send(200, {"kind": f"{KINDS[plural]}List", "apiVersion": "v1", "metadata": metadata, "items": bare})

    def _watch(self) -> None:
        self._head(200)
        while (event := self.agent.changes.get(timeout=10)) is not None:
            self._chunk(json.dumps(event).encode() + b"\n")
        self._chunk(b"")

    def _log(self, asked: Asked) -> None:
        container = asked.get("container")
        if container not in self.agent.logs:
            raise _RefusedError(400, "BadRequest", f"container {container} is not valid for pod")
        self._head(200)
        text = self.agent.logs[container]
        for at in range(0, len(text), 7):
            self._chunk(text[at : at + 7])
        self._chunk(b"")

    def _exec(self) -> None:
        lines = [f"{self.command} {self.path} HTTP/1.1", *(f"{key}: {value}" for key, value in self.headers.items())]
        protocol = WSConnection(ConnectionType.SERVER)
        protocol.receive_data(("\r\n".join(lines) + "\r\n\r\n").encode())
        request = next(iter(protocol.events()))
        assert isinstance(request, Request)
        assert request.subprotocols == ["v5.channel.k8s.io"]
        out = protocol.send(AcceptConnection(subprotocol="v5.channel.k8s.io"))
        for channel, data in self.agent.exec_output:  # together with the handshake: nothing may get lost
            out += protocol.send(BytesMessage(data=bytes([channel]) + data))
        self.connection.sendall(out)
        if self.agent.exec_echo:
            self._echo(protocol)
        status = json.dumps(self.agent.exec_status).encode()
        end = protocol.send(BytesMessage(data=b"\x03" + status)) + protocol.send(CloseConnection(code=1000))
        self.connection.sendall(end)  # in one: a client that has the status may leave before the closing frame
        self.close_connection = True

    def _echo(self, protocol: WSConnection) -> None:
        """Give stdin back on stdout until it is closed."""
        message = b""
        while True:
            protocol.receive_data(self.connection.recv(65536))
            for event in protocol.events():
                assert isinstance(event, BytesMessage)
                message += bytes(event.data)
                if not event.message_finished:
                    continue
                self.agent.exec_inputs.append(message)
                if message == b"\xff\x00":
                    return
                if message[:1] == b"\x00":
                    self.connection.sendall(protocol.send(BytesMessage(data=b"\x01" + message[1:])))
                message = b""

    def _send(self, code: int, document: Document) -> None:
        body = json.dumps(document).encode()
        self.send_response(code)
        for text in self.agent.warnings:
            quoted = text.replace('"', '\\"')
            self.send_header("Warning", f'299 - "{quoted}"')
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def _head(self, code: int) -> None:
        self.send_response(code)
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()

    def _chunk(self, data: bytes) -> None:
        self.wfile.write(f"{len(data):x}\r\n".encode() + data + b"\r\n")
        self.wfile.flush()


class _Server(socketserver.ThreadingMixIn, socketserver.UnixStreamServer):
    daemon_threads = True

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Let a client leave when it will; its stderr is not the place to say so. Anything else is told."""
        if not isinstance(sys.exception(), ConnectionError):
            super().handle_error(request, client_address)


@contextmanager
def serving() -> Iterator[FakeAgent]:
    """A fake agent on a socket of its own."""
    with tempfile.TemporaryDirectory(prefix="el-", dir="/tmp") as folder:
        agent = FakeAgent(str(Path(folder, "s")))
        handler = type("Handler", (_Handler,), {"agent": agent})
        with _Server(agent.socket_path, handler) as server:
            thread = threading.Thread(target=server.serve_forever, args=(0.02,), name="fake-agent")
            thread.start()
            try:
                yield agent
            finally:
                server.shutdown()
                thread.join()
