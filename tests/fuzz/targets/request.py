"""Bytes on the local socket: an answer of the API for each whole request in them, or a refusal."""

from __future__ import annotations

import json
from collections.abc import AsyncGenerator, Callable

import h11

from edgelet.adapters.local_api import request_parse, websocket
from edgelet.adapters.local_api.request_parse import BadRequestError
from edgelet.intake import refusal
from edgelet.ports.local_api import JSON, Answer, Peer, Request, Response, Streaming, Upgrade
from edgelet.ports.log_files import LogView
from edgelet.ports.object_store import Document
from edgelet.ports.runtime import PodRef
from edgelet.remote.api import LocalApi
from edgelet.remote.parts import Parts
from tests import builders
from tests.fakes.runtime import FakeRuntime
from tests.fuzz.house import Door
from tests.fuzz.stepping import settled
from tests.fuzz.still_clock import StillClock

_BODY_BYTES = 512 * 1024
_MOST_REQUESTS = 4
_PEER = Peer(pid=1, uid=0, gid=0)
_RUNNING = {
    "phase": "Running",
    "containerStatuses": [
        {"name": "c", "restartCount": 1, "containerID": "podman://c0ffee", "state": {"running": {"startedAt": "t"}}}
    ],
}


def try_input(data: bytes) -> None:
    """Read requests as the server does, one after the other, and have each answered."""
    http = h11.Connection(h11.SERVER, max_incomplete_event_size=65536)
    http.receive_data(data)
    api = _api()
    for _ in range(_MOST_REQUESTS):
        try:
            request = _next(http)
        except (h11.RemoteProtocolError, BadRequestError):
            return
        if request is None:
            return
        _check(settled(api(request)), request)
        http.send(h11.Response(status_code=204, headers=[]))
        http.send(h11.EndOfMessage())
        if (http.our_state, http.their_state) != (h11.DONE, h11.DONE):
            return
        http.start_next_cycle()


def _next(http: h11.Connection) -> Request | None:
    head = http.next_event()
    if not isinstance(head, h11.Request):
        return None
    plan = request_parse.body_plan(head, limit_bytes=_BODY_BYTES)
    if plan.refused is not None:
        raise BadRequestError(plan.refused)
    body = bytearray()
    while isinstance(event := http.next_event(), h11.Data):
        body += event.data
        if len(body) > _BODY_BYTES:
            raise BadRequestError(request_parse.too_large(_BODY_BYTES))
    if event is h11.NEED_DATA:
        return None
    return request_parse.request(head, body=bytes(body), peer=_PEER)


def _check(answer: Answer, request: Request) -> None:
    match answer:
        case Response():
            assert 200 <= answer.code < 600
            if answer.content_type == JSON:
                json.loads(answer.body)
            h11.Response(status_code=answer.code, headers=list(answer.headers))
        case Streaming():
            assert answer.code == 200
        case Upgrade(subprotocols=offered):
            websocket.agree(request.headers, method=request.method, subprotocols=offered)


def _api() -> LocalApi:
    door = Door()
    pod = door.apply(builders.pod_document(), source="api").object
    settled(door.store.put_status(pod.key, _RUNNING, uid=pod.uid, durable=False))
    door.apply(builders.config_map_document(data={"a": "b"}), source="api")
    clock = StillClock()
    return LocalApi(
        Parts(
            store=door.store,
            reception=door.reception,
            error_to_status=refusal.answer,
            events=_NoEvents(),
            node=lambda: {"apiVersion": "v1", "kind": "Node", "metadata": {"name": "board"}},
            node_metrics=_node_metrics,
            pod_metrics=_pod_metrics,
            runtime=FakeRuntime(clock),
            log_files=_NoLogs(),
            clock=clock,
            version="0.1.0",
        )
    )


class _NoEvents:
    """Nothing happened."""

    def list(self, namespace: str | None) -> tuple[Document, ...]:
        del namespace
        return ()

    def listen(self, listener: Callable[[Document], None]) -> Callable[[], None]:
        del listener
        return lambda: None


class _NoLogs:
    """Nothing was said."""

    def exists(self, pod: PodRef, container: str, instance: int) -> bool:
        del pod, container, instance
        return False

    async def read(
        self, pod: PodRef, container: str, instance: int, *, view: LogView, alive: Callable[[], bool] | None = None
    ) -> AsyncGenerator[bytes, None]:
        del pod, container, instance, view, alive
        yield b""


async def _node_metrics() -> Document:
    return {"kind": "NodeMetrics", "metadata": {"name": "board"}}


async def _pod_metrics() -> tuple[Document, ...]:
    return ({"kind": "PodMetrics", "metadata": {"name": "web", "namespace": "default"}},)
