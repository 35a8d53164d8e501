"""The agent's local API in Kubernetes' words: objects by type, namespace and name."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any
from urllib.parse import urlencode

from edgelet.cli import http_client
from edgelet.cli.failure import CliError, ServerError
from edgelet.cli.http_client import Exchange, Request
from edgelet.cli.resources import Resource
from edgelet.cli.server import Applied

Document = dict[str, Any]
Query = Mapping[str, str]

APPLY = "application/apply-patch+yaml"
PATCHES = {
    "merge": "application/merge-patch+json",
    "strategic": "application/strategic-merge-patch+json",
    "json": "application/json-patch+json",
}
MAXIMUM_LINE_BYTES = 8 * 1024 * 1024  # of a watch: one object


class AgentApi:
    """Calls to one agent. Every method raises ServerError for a refusal and CliError where nobody answers."""

    def __init__(self, socket_path: str, *, timeout_s: float = 60.0) -> None:
        self.socket_path = socket_path
        self._timeout_s = timeout_s
        self._warned: set[str] = set()

    def read(self, path: str, query: Query | None = None) -> Document:
        """GET anything that is one JSON object."""
        return self.call("GET", path, query=query)

    def get(self, resource: Resource, namespace: str, name: str) -> Document:
        """Return one object."""
        return self.read(resource.path(namespace, name))

    def commit(self) -> None:
        """Nothing is held back: the agent takes each change by itself."""

    def find(self, resource: Resource, namespace: str, name: str) -> Document | None:
        """Return one object, None if there is no such."""
        try:
            return self.get(resource, namespace, name)
        except ServerError as error:
            if error.not_found:
                return None
            raise

    def list(self, resource: Resource, namespace: str, query: Query | None = None) -> Document:
        """Return the objects of a type as a list document; with no namespace: of all."""
        found = self.read(resource.path(namespace), query)
        found["items"] = [
            {**item, "apiVersion": resource.api_version, "kind": resource.kind} for item in found.get("items") or []
        ]
        return found

    def watch(self, resource: Resource, namespace: str, query: Query) -> Iterator[Document]:
        """What happens to the objects of a type, as watch events, until the agent ends it."""
        target = _target(resource.path(namespace), {**query, "watch": "true"})
        with self.open(Request("GET", target, timeout_s=None)) as exchange:
            for line in lines(exchange):
                event: Document = json.loads(line)
                if event.get("type") == "ERROR":
                    status = event.get("object") or {}
                    raise ServerError(status, http_status=int(status.get("code") or 500))
                yield event

    def create(self, resource: Resource, document: Document, query: Query | None = None) -> Document:
        """POST a new object."""
        namespace = str(document["metadata"].get("namespace", ""))
        return self.call("POST", resource.path(namespace), document, query=query)

    def apply(self, resource: Resource, document: Document, query: Query) -> Applied:
        """Create or change an object to what the document says."""
        metadata = document["metadata"]
        namespace, name = str(metadata.get("namespace", "")), str(metadata["name"])
        before = self.find(resource, namespace, name)
        after = self.call("PATCH", resource.path(namespace, name), document, query=query, content_type=APPLY)
        if before is None:
            return Applied("created", after)
        return Applied("unchanged" if _version(before) == _version(after) else "configured", after)

    def patch(self, path: str, body: bytes, *, kind: str, query: Query | None = None) -> Document:
        """PATCH with a body of one of the PATCHES kinds."""
        return self.call("PATCH", path, body, query=query, content_type=PATCHES[kind])

    def delete(self, resource: Resource, namespace: str, name: str, options: Document, query: Query) -> Document:
        """Ask for deletion; the object or a Status comes back."""
        path = resource.path(namespace, name)
        return self.call("DELETE", path, {"apiVersion": "v1", "kind": "DeleteOptions", **options}, query=query)

    def call(
        self,
        method: str,
        path: str,
        body: Document | bytes | None = None,
        *,
        query: Query | None = None,
        content_type: str = "application/json",
    ) -> Document:
        """One request whose answer is one JSON object."""
        payload = body if isinstance(body, bytes) else json.dumps(body).encode() if body is not None else b""
        headers = {"Content-Type": content_type} if payload else {}
        request = Request(method, _target(path, query or {}), headers, payload, self._timeout_s)
        with self.open(request) as exchange:
            return _object(exchange.body())

    @contextmanager
    def open(self, request: Request) -> Iterator[Exchange]:
        """Send a request; the body is the caller's to read. Warnings of the agent go to stderr, each once."""
        with http_client.exchange(self.socket_path, request) as exchange:
            for header in exchange.response.all("warning"):
                text = _warning(header)
                if text not in self._warned:
                    self._warned.add(text)
                    print(f"Warning: {text}", file=sys.stderr)
            if exchange.response.status >= 400:  # noqa: PLR2004  HTTP's errors
                raise _refusal(exchange.response.status, exchange.body())
            yield exchange

    def stream(self, path: str, query: Query, *, endless: bool) -> Iterator[bytes]:
        """The chunks of a body that is no JSON: a log."""
        timeout_s = None if endless else self._timeout_s
        request = Request("GET", _target(path, query), {"Accept": "*/*"}, timeout_s=timeout_s)
        with self.open(request) as exchange:
            yield from exchange.chunks()


def lines(exchange: Exchange) -> Iterator[bytes]:
    """The lines of a body, whatever pieces it comes in."""
    rest = b""
    for chunk in exchange.chunks():
        *whole, rest = (rest + chunk).split(b"\n")
        yield from filter(bytes.strip, whole)
        if len(rest) > MAXIMUM_LINE_BYTES:
            raise CliError(f"the agent sent an object larger than {MAXIMUM_LINE_BYTES} bytes")


def _version(document: Document) -> object:
    return (document.get("metadata") or {}).get("resourceVersion")


def _target(path: str, query: Query) -> str:
    return f"{path}?{urlencode(query)}" if query else path


def _object(body: bytes) -> Document:
    try:
        parsed = json.loads(body)
    except ValueError as error:
        raise CliError(f"the agent answered with no JSON: {body[:80]!r}") from error
    if not isinstance(parsed, dict):
        raise CliError(f"the agent answered with no JSON object: {body[:80]!r}")
    return parsed


def _refusal(http_status: int, body: bytes) -> ServerError:
    try:
        status = json.loads(body)
    except ValueError:
        status = {"message": body[:300].decode(errors="replace").strip()}
    return ServerError(status if isinstance(status, dict) else {}, http_status=http_status)


def _warning(header: str) -> str:
    """The text of a Warning header, which is quoted: `299 - "unknown field"`."""
    _, _, quoted = header.partition('"')
    text = quoted.rpartition('"')[0] or header
    return text.replace('\\"', '"').replace("\\\\", "\\")
