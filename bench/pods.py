"""The Pods that are measured: small, and ended by SIGTERM at once."""

from __future__ import annotations

from typing import Any

from tests.fixtures.agent import TESTBOX

Document = dict[str, Any]

HANDLERS: dict[str, Document] = {
    "http": {"httpGet": {"port": 8080, "path": "/"}},
    "tcp": {"tcpSocket": {"port": 8080}},
    "exec": {"exec": {"command": ["true"]}},
}
_LIVE = 'trap "exit 0" TERM; while :; do sleep 3600 & wait $!; done'


def pod(name: str, *, containers: int = 1) -> Document:
    """Return a Pod that runs until it is ended."""
    return _pod(name, [{"name": f"c{n}", "image": TESTBOX, "command": ["sh", "-c", _LIVE]} for n in range(containers)])


def probed(
    name: str,
    *,
    containers: int,
    liveness: Document,
    readiness: Document,
    startup: Document | None = None,
    period_s: int,
) -> Document:
    """Return a Pod whose first container serves HTTP on port 8080, all of them with probes."""
    timing = {"periodSeconds": period_s, "timeoutSeconds": 10, "failureThreshold": 60}
    probes = {"livenessProbe": {**liveness, **timing}, "readinessProbe": {**readiness, **timing}}
    if startup is not None:
        probes["startupProbe"] = {**startup, **timing}
    serve = "mkdir /www; echo up >/www/index.html; exec httpd -f -p 8080 -h /www"
    return _pod(
        name,
        [
            {"name": f"c{n}", "image": TESTBOX, "command": ["sh", "-c", _LIVE if n else serve], **probes}
            for n in range(containers)
        ],
    )


def telltale(name: str, directory: str) -> Document:
    """Return a Pod that leaves a line in `directory`/`name` each time its process begins."""
    container = {
        "name": "c0",
        "image": TESTBOX,
        "command": ["sh", "-c", f"echo >>/mark/{name}; {_LIVE}"],
        "volumeMounts": [{"name": "mark", "mountPath": "/mark"}],
    }
    return _pod(name, [container], volumes=[{"name": "mark", "hostPath": {"path": directory}}])


def running(document: Document | None) -> bool:
    """Whether a Pod's status says that all its containers run."""
    status = (document or {}).get("status") or {}
    containers = status.get("containerStatuses") or [{}]
    return status.get("phase") == "Running" and all("running" in one.get("state", {}) for one in containers)


def _pod(name: str, containers: list[Document], **more: Any) -> Document:
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": name, "namespace": "default"},
        "spec": {"containers": containers, **more},
    }
