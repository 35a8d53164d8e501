"""The agent's local API over its socket, without the command line and without code of edgelet."""

from __future__ import annotations

import http.client
import json
import socket
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

Document = dict[str, Any]

_PODS = "/api/v1/namespaces/default/pods"
_TIMEOUT_S = 60.0


class _Connection(http.client.HTTPConnection):
    def __init__(self, path: Path) -> None:
        super().__init__("localhost", timeout=_TIMEOUT_S)
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(_TIMEOUT_S)
        self.sock.connect(str(self._path))


class LocalApi:
    """One connection a question."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def ready(self) -> bool:
        """Whether the agent says that it can run pods."""
        connection = _Connection(self._path)
        try:
            connection.request("GET", "/readyz")
            return connection.getresponse().status == http.client.OK
        except OSError:
            return False
        finally:
            connection.close()

    def pods(self) -> list[Document]:
        """Return all pods of the namespace."""
        found: list[Document] = self._ask("GET", _PODS)["items"]
        return found

    def create(self, document: Document) -> None:
        self._ask("POST", _PODS, document)

    def delete(self, name: str) -> None:
        self._ask("DELETE", f"{_PODS}/{name}")

    def when(self, name: str, happened: Callable[[str, Document], bool]) -> float:
        """Watch a pod; returns the monotonic time when an event (its type, the Pod) is what is waited for."""
        connection = _Connection(self._path)
        try:
            connection.request("GET", f"{_PODS}?watch=true&fieldSelector=metadata.name%3D{name}")
            answer = connection.getresponse()
            for line in iter(answer.readline, b""):
                event = json.loads(line)
                if happened(event["type"], event["object"]):
                    return time.monotonic()
        finally:
            connection.close()
        raise AssertionError(f"the watch of {name} ended")

    def when_gone(self, name: str) -> float:
        """Watch a pod; returns the monotonic time when it is there no more."""
        return self.when(name, lambda event, _: event == "DELETED")

    def _ask(self, method: str, path: str, body: Document | None = None) -> Document:
        connection = _Connection(self._path)
        try:
            data = None if body is None else json.dumps(body)
            connection.request(method, path, data, {"Content-Type": "application/json"})
            answer = connection.getresponse()
            document: Document = json.loads(answer.read())
        finally:
            connection.close()
        assert answer.status < http.client.BAD_REQUEST, f"{method} {path}: {document}"
        return document
