"""A board behind a real unix socket: the real server and handler, everything below them in memory."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import jsonpatch
import yaml

from edgelet.adapters.host.log_files import HostLogFiles
from edgelet.adapters.local_api.limits import ServerLimits
from edgelet.adapters.local_api.server import LocalApiServer
from edgelet.api.errors import ConflictError, DecodeError, EdgeletError, InvalidObjectError, NotFoundError
from edgelet.ports.object_store import Document, Key, StoredObject
from edgelet.ports.pod_streams import AttachSession, PodConnection
from edgelet.ports.runtime import ExecSession
from edgelet.remote.api import LocalApi
from edgelet.remote.parts import Parts
from tests.fakes.object_store import FakeObjectStore
from tests.fakes.pod_streams import FakeAttach, FakeMain, refused
from tests.fakes.runtime import FakeRuntime


@dataclass(frozen=True)
class Taken:
    object: StoredObject
    warnings: tuple[str, ...]
    created: bool


class MemoryReception:
    """The door to a fake store, with as few rules as the handler's tests need."""

    def __init__(self, store: FakeObjectStore) -> None:
        self._store = store
        self.calls: list[tuple[str, dict[str, Any]]] = []
        self.warnings: tuple[str, ...] = ()

    def read(self, payload: bytes, *, content_type: str) -> tuple[Document, ...]:
        del content_type
        try:
            found = [one for one in yaml.safe_load_all(payload) if one is not None]
        except (yaml.YAMLError, UnicodeDecodeError) as error:
            raise DecodeError(f"cannot read: {error}") from error
        if not all(isinstance(one, dict) and "kind" in one for one in found):
            raise DecodeError("no kind")
        return tuple(found)

    async def apply(
        self,
        document: Document,
        *,
        source: str,
        digest: str = "",
        default_namespace: str = "default",
        strict: bool = False,
        dry_run: bool = False,
    ) -> Taken:
        self.calls.append(("apply", {"strict": strict, "dry_run": dry_run, "namespace": default_namespace}))
        key = _key(document, default_namespace)
        old = self._store.get(key)
        if strict and "unknown" in document.get("spec", {}):
            raise InvalidObjectError(key.kind, key.name, ())
        if dry_run:
            return Taken(old or _imagined(key, document), self.warnings, old is None)
        made = await self._store.put(key, document, source=source, digest=digest)
        return Taken(made, self.warnings, old is None)

    async def create(
        self, document: Document, *, source: str, default_namespace: str, strict: bool, dry_run: bool
    ) -> Taken:
        key = _key(document, default_namespace)
        if self._store.get(key):
            raise ConflictError(f'"{key.name}" already exists', reason="AlreadyExists")
        return await self.apply(
            document, source=source, default_namespace=default_namespace, strict=strict, dry_run=dry_run
        )

    async def replace(
        self, document: Document, *, source: str, default_namespace: str, strict: bool, dry_run: bool
    ) -> Taken:
        if not self._store.get(_key(document, default_namespace)):
            raise NotFoundError("not found")
        return await self.apply(
            document, source=source, default_namespace=default_namespace, strict=strict, dry_run=dry_run
        )

    async def patch(self, key: Key, patch: Any, *, patch_type: str, subresource: str, source: str) -> Taken:
        self.calls.append(("patch", {"patch_type": patch_type, "subresource": subresource}))
        old = self._store.get(key)
        if old is None:
            raise NotFoundError("not found")
        new = jsonpatch.apply_patch(old.document, patch) if patch_type == "json" else {**old.document, **patch}
        if subresource == "status":
            made = await self._store.put_status(key, new["status"], uid=old.uid, durable=True)
        else:
            made = await self._store.put(key, new, source=source)
        assert made
        return Taken(made, (), created=False)

    async def delete(self, key: Key, *, source: str, grace_s: int | None, uid: str | None) -> None:
        self.calls.append(("delete", {"key": str(key), "grace_s": grace_s, "uid": uid, "source": source}))
        if key.kind == "Pod" and grace_s != 0:
            await self._store.mark_deleted(key, uid=uid, grace_s=30 if grace_s is None else grace_s)
        elif not await self._store.remove(key, uid=uid):
            raise NotFoundError("not found")


class MemoryEvents:
    def __init__(self) -> None:
        self.documents: list[Document] = []
        self._hooks: list[Callable[[Document], None]] = []

    def list(self, namespace: str | None) -> tuple[Document, ...]:
        return tuple(one for one in self.documents if namespace in (None, one["metadata"]["namespace"]))

    def listen(self, listener: Callable[[Document], None]) -> Callable[[], None]:
        self._hooks.append(listener)
        return lambda: self._hooks.remove(listener)

    def add(self, name: str, namespace: str = "default", **more: Any) -> None:
        metadata = {"name": name, "namespace": namespace, "uid": f"event-{name}"}
        self.documents.append({"kind": "Event", "apiVersion": "v1", "metadata": metadata, **more})
        for hook in tuple(self._hooks):
            hook(self.documents[-1])

    @property
    def watched(self) -> int:
        return len(self._hooks)


class Session:
    """A scripted process: gives `says`, takes what comes, ends with `code` (None: only by kill or end of stdin)."""

    def __init__(self, says: Sequence[tuple[int, bytes]], code: int | None) -> None:
        self._says = says
        self._code = code
        self.heard = bytearray()
        self.sizes: list[tuple[int, int]] = []
        self.stdin_closed = asyncio.Event()
        self.killed = asyncio.Event()
        self.said = 0

    async def output(self) -> AsyncIterator[tuple[int, bytes]]:
        for stream, data in self._says:
            self.said += 1
            yield stream, data
        if self._code is None:
            ends = [asyncio.create_task(event.wait()) for event in (self.stdin_closed, self.killed)]
            await asyncio.wait(ends, return_when=asyncio.FIRST_COMPLETED)
            for end in ends:
                end.cancel()
            yield 1, b"heard " + bytes(self.heard)

    async def write(self, data: bytes) -> None:
        self.heard += data

    async def close_stdin(self) -> None:
        self.stdin_closed.set()

    def resize(self, *, columns: int, rows: int) -> None:
        self.sizes.append((columns, rows))

    async def wait(self) -> int:
        return self._code or 0

    async def kill(self) -> None:
        self.killed.set()


class ExecRuntime(FakeRuntime):
    """A runtime whose interactive commands are scripts by argv[0], main processes go by container, ports by number."""

    def __init__(self) -> None:
        super().__init__()
        self.scripts: dict[str, Session] = {}
        self.asked: list[tuple[str, tuple[str, ...], bool, bool]] = []
        self.mains: dict[str, FakeMain] = {}
        self.attached: list[FakeAttach] = []
        self.ports: dict[int, Callable[[], PodConnection]] = {}

    async def open_exec(self, container_id: str, argv: tuple[str, ...], *, stdin: bool, tty: bool) -> ExecSession:
        self.asked.append((container_id, argv, stdin, tty))
        if argv[0] not in self.scripts:
            raise EdgeletError("InternalError", f"exec: {argv[0]}: not found")
        return self.scripts[argv[0]]

    async def open_attach(self, container_id: str, *, stdin: bool, tty: bool) -> AttachSession:
        if container_id not in self.mains:
            raise EdgeletError("BadRequest", f"the container {container_id} is not running")
        self.attached.append(FakeAttach(self.mains[container_id], stdin=stdin, tty=tty))
        return self.attached[-1]

    async def open_port(self, uid: str, port: int) -> PodConnection:
        del uid
        if port not in self.ports:
            raise refused(port)
        return self.ports[port]()


class WallClock:
    def now(self) -> datetime:
        return datetime.now(UTC)

    def monotonic_s(self) -> float:
        return asyncio.get_running_loop().time()

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(min(seconds, 0.02))


@dataclass
class Board:
    path: Path
    logs: Path
    store: FakeObjectStore
    reception: MemoryReception
    events: MemoryEvents
    runtime: ExecRuntime
    node: dict[str, Any] = field(default_factory=lambda: {"metadata": {"name": "pi-01", "uid": "n1"}, "status": {}})
    server: LocalApiServer = field(init=False)
    not_ready: str = ""
    serving: asyncio.Task[None] | None = None

    async def stop(self) -> None:
        """End the server, as an agent that goes does."""
        if self.serving is not None:
            self.serving.cancel()
            with suppress(asyncio.CancelledError):
                await self.serving

    def parts(self) -> Parts:
        async def node_metrics() -> Document:
            return {"metadata": {"name": "pi-01"}, "usage": {"cpu": "100m", "memory": "64Mi"}}

        async def pod_metrics() -> tuple[Document, ...]:
            one = {"metadata": {"name": "web", "namespace": "default"}, "containers": []}
            two = {"metadata": {"name": "db", "namespace": "prod"}, "containers": []}
            return one, two

        return Parts(
            store=self.store,
            reception=self.reception,
            error_to_status=status_of,
            events=self.events,
            node=lambda: self.node,
            node_metrics=node_metrics,
            pod_metrics=pod_metrics,
            runtime=self.runtime,
            log_files=HostLogFiles(self.logs),
            clock=WallClock(),
            version="0.1.0",
            ready=lambda: self.not_ready,
        )

    async def put_pod(self, name: str = "web", namespace: str = "default", **more: Any) -> StoredObject:
        document = pod(name, namespace, **more)
        status = document.pop("status", None)
        made = await self.store.put(Key("Pod", namespace, name), document, source="mqtt")
        if status is not None:
            made = await self.store.put_status(made.key, status, uid=made.uid, durable=False) or made
        return made


def status_of(error: EdgeletError) -> tuple[int, Document]:
    codes = {"NotFound": 404, "Conflict": 409, "AlreadyExists": 409, "Invalid": 422, "BadRequest": 400}
    code = codes.get(error.reason, 500)
    document = {"kind": "Status", "apiVersion": "v1", "status": "Failure", "code": code}
    return code, document | {"reason": error.reason, "message": error.message}


def pod(name: str = "web", namespace: str = "default", **more: Any) -> dict[str, Any]:
    metadata = {"name": name, "namespace": namespace, **more.pop("metadata", {})}
    spec = more.pop("spec", {"containers": [{"name": "app", "image": "busybox"}]})
    return {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": spec, **more}


def running(container: str = "app", *, count: int = 0, identifier: str = "c0ffee") -> dict[str, Any]:
    one = {
        "name": container,
        "restartCount": count,
        "containerID": f"podman://{identifier}",
        "state": {"running": {"startedAt": "2026-01-02T03:04:05Z"}},
    }
    return {"phase": "Running", "containerStatuses": [one]}


@asynccontextmanager
async def serving(directory: Path, limits: ServerLimits | None = None) -> AsyncIterator[Board]:
    store = FakeObjectStore()
    board = Board(
        path=directory / "api.sock",
        logs=directory / "logs",
        store=store,
        reception=MemoryReception(store),
        events=MemoryEvents(),
        runtime=ExecRuntime(),
    )
    board.server = LocalApiServer(LocalApi(board.parts()), path=board.path, group="", limits=limits)
    board.server.open()
    board.serving = asyncio.create_task(board.server.serve())
    try:
        yield board
    finally:
        await board.stop()


@dataclass(frozen=True)
class Reply:
    code: int
    headers: list[tuple[str, str]]
    body: bytes

    @property
    def document(self) -> Any:
        return json.loads(self.body)

    def header(self, name: str) -> str:
        return next((value for key, value in self.headers if key == name), "")


async def curl(board: Board, path: str, *arguments: str, timeout_s: float = 5) -> Reply:
    """Ask with the real curl."""
    process = await asyncio.create_subprocess_exec(
        "curl",
        "--silent",
        "--include",
        "--globoff",
        "--unix-socket",
        str(board.path),
        *arguments,
        f"http://localhost{path}",
        stdout=asyncio.subprocess.PIPE,
    )
    async with asyncio.timeout(timeout_s):
        output, _ = await process.communicate()
    head, _, body = output.partition(b"\r\n\r\n")
    while head.startswith(b"HTTP/1.1 100"):
        head, _, body = body.partition(b"\r\n\r\n")
    first, *lines = head.decode().split("\r\n")
    headers = [(name.lower(), value.strip()) for name, _, value in (line.partition(":") for line in lines)]
    return Reply(int(first.split()[1]), headers, body)


def _key(document: Document, default_namespace: str) -> Key:
    namespaced = document["kind"] != "Namespace"
    namespace = document["metadata"].get("namespace") or default_namespace
    return Key(document["kind"], namespace if namespaced else "", document["metadata"]["name"])


def _imagined(key: Key, document: Document) -> StoredObject:
    return StoredObject(key, "", 0, 1, "api", "", document)
