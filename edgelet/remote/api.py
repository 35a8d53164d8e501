"""The local API's handler: from a path and a method to the one who answers, and from any error to a Status."""

from __future__ import annotations

from edgelet.api.errors import EdgeletError
from edgelet.api.kinds import Kind
from edgelet.ports.local_api import Answer, Request, Response, failure, json_response
from edgelet.ports.object_store import Document, Key
from edgelet.remote import certificate, discovery, exec, logs, refusal, route, secret_keys  # noqa: A004  Kubernetes' word
from edgelet.remote.changing import Changing
from edgelet.remote.parts import Parts
from edgelet.remote.reading import Reading
from edgelet.remote.refusal import RefusedError
from edgelet.remote.route import Collection, Discovery, One, Route

_HEALTH = frozenset({"healthz", "livez", "readyz"})


class LocalApi:
    """A Handler (ports.local_api): call it with a Request. Raises nothing that is an EdgeletError."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self._reading = Reading(parts)
        self._changing = Changing(parts, self._reading)

    async def __call__(self, request: Request) -> Answer:
        """Answer a request."""
        try:
            return await self._answer(request)
        except RefusedError as error:
            return error.response()
        except EdgeletError as error:
            code, status = self._parts.error_to_status(error)
            headers = _retry_after(error)
            made = json_response(code, status)
            return Response(made.code, made.body, headers=headers)

    async def _answer(self, request: Request) -> Answer:
        segments = request.segments
        if len(segments) == 1 and segments[0] in _HEALTH:
            return self._health(request, segments[0])
        if segments == ("version",):
            _allow(request, "GET")
            return json_response(200, discovery.version(self._parts.version))
        if segments[: len(secret_keys.PATH)] == secret_keys.PATH and self._parts.secrets is not None:
            return await secret_keys.answer(request, self._parts.secrets)
        if segments[: len(certificate.PATH)] == certificate.PATH:
            return certificate.answer(request, self._parts.certificate())
        return await self._resource(request, route.parse(segments))

    async def _resource(self, request: Request, found: Route | None) -> Answer:
        if isinstance(found, Collection | One) and found.kind.kind == "Secret":
            secret_keys.require_root(request)
        match found:
            case Discovery(segments=path):
                _allow(request, "GET")
                document = discovery.document(path)
                if document is None:
                    raise refusal.no_such_path()
                return json_response(200, document)
            case Collection(kind=kind, namespace=namespace):
                return await self._collection(request, kind, namespace)
            case One(subresource=subresource) as one if subresource in route.POD_STREAMS:
                return self._pod_stream(request, one)
            case One() as one:
                return await self._one(request, one)
            case None:
                raise refusal.no_such_path()

    async def _collection(self, request: Request, kind: Kind, namespace: str | None) -> Answer:
        changeable = kind.support == "acted"
        # Objects are made in a namespace; the list over all of them is for reading.
        creatable = changeable and (namespace is not None or not kind.namespaced)
        match request.method:
            case "GET":
                return await self._reading.many(request, kind, namespace)
            case "POST" if creatable:
                return await self._changing.create(request, kind, namespace)
            case "DELETE" if creatable:
                return await self._changing.delete_many(request, kind, namespace)
            case method:
                allowed = ("GET", "POST", "DELETE") if creatable else ("GET",)
                raise refusal.method_not_allowed(method, allowed=allowed)

    async def _one(self, request: Request, one: One) -> Answer:
        key = Key(one.kind.kind, one.namespace, one.name)
        changeable = one.kind.support == "acted"
        match request.method:
            case "GET":
                return await self._reading.one(request, one.kind, key)
            case "PUT" if changeable:
                return await self._changing.replace(request, one.kind, key, one.subresource)
            case "PATCH" if changeable:
                return await self._changing.patch(request, one.kind, key, one.subresource)
            case "DELETE" if changeable and not one.subresource:
                return await self._changing.delete(request, one.kind, key)
            case method:
                written = ("PUT", "PATCH") if one.subresource else ("PUT", "PATCH", "DELETE")
                raise refusal.method_not_allowed(method, allowed=("GET", *(written if changeable else ())))

    def _pod_stream(self, request: Request, one: One) -> Answer:
        parts = self._parts
        pod = self._reading.find(one.kind, Key(one.kind.kind, one.namespace, one.name))
        if one.subresource == "log":
            _allow(request, "GET")
            return logs.answer(request, pod, store=parts.store, files=parts.log_files, clock=parts.clock)
        _allow(request, "GET", "POST")
        if one.subresource == "exec":
            return exec.answer(request, pod, runtime=parts.runtime, to_status=self._status)
        if one.subresource == "attach":
            from edgelet.remote import attach  # noqa: PLC0415  memory, until somebody attaches

            return attach.answer(request, pod, runtime=parts.runtime, to_status=self._status)
        from edgelet.remote import port_forward  # noqa: PLC0415  memory, until somebody forwards a port

        return port_forward.answer(request, pod, runtime=parts.runtime)

    def _status(self, error: EdgeletError) -> Document:
        return self._parts.error_to_status(error)[1]

    def _health(self, request: Request, which: str) -> Answer:
        _allow(request, "GET")
        why = self._parts.ready() if which == "readyz" else ""
        if why:
            return failure(503, "ServiceUnavailable", f"not ready: {why}")
        return Response(200, b"ok", content_type="text/plain")


def _allow(request: Request, *methods: str) -> None:
    if request.method not in methods:
        raise refusal.method_not_allowed(request.method, allowed=methods)


def _retry_after(error: EdgeletError) -> tuple[tuple[str, str], ...]:
    if error.retry_after is None:
        return ()
    return (("Retry-After", str(max(1, round(error.retry_after.total_seconds())))),)
