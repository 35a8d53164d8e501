"""Events of this node: kept in memory, counted, bounded, told to whoever listens."""

from __future__ import annotations

import json
import logging
import uuid
from collections.abc import Callable, Hashable
from typing import Any, Literal

from edgelet.api import kinds, time
from edgelet.node.event_correlation import Correlator, Recent, Subject
from edgelet.ports.clock import Clock
from edgelet.ports.object_store import Document, Key

Listener = Callable[[Document], None]

_log = logging.getLogger(__name__)
_COMPONENT = "edgelet"
_MESSAGE_MAX = 1024  # Source: Kubernetes' validation of events
_NAME_MAX = 253


def random_uid() -> str:
    """Return a new Event's uid."""
    return str(uuid.uuid4())


class EventRecorder:
    """ports.events.EventSink.

    Args:
        clock: For timestamps and for what is recent.
        host_name: Shown as source.host.
        limit: Events kept; the one that happened longest ago is forgotten first.
        new_uid: Makes uids.
    """

    def __init__(
        self, *, clock: Clock, host_name: str, limit: int = 500, new_uid: Callable[[], str] = random_uid
    ) -> None:
        self._clock = clock
        self._host_name = host_name
        self._new_uid = new_uid
        self._events: Recent[Hashable, bytes] = Recent(limit)  # as JSON: 0.9 kB instead of 3.7
        self._correlator = Correlator(limit=limit)
        self._listeners: list[Listener] = []
        self._last_stamp_ns = 0

    def record(
        self,
        regarding: Key,
        uid: str,
        *,
        type: Literal["Normal", "Warning"],
        reason: str,
        message: str,
        container: str = "",
    ) -> None:
        """Note one event about an object; a repeated one raises the count of the one there is."""
        message = message if len(message) <= _MESSAGE_MAX else message[: _MESSAGE_MAX - 3] + "..."
        subject = Subject(regarding.kind, regarding.namespace, regarding.name, uid, container, type, reason)
        found = self._correlator.correlate(subject, message, now_s=self._clock.monotonic_s())
        known = self._events.get(found.identity)
        document = self._again(_read(known), found.message) if known else self._first(subject, found.message)
        text = json.dumps(document, separators=(",", ":"), ensure_ascii=False)
        self._events.touch(found.identity, text.encode(errors="surrogatepass"))
        if found.tell:  # a flood reaches neither the link nor the journal
            level = logging.WARNING if type == "Warning" else logging.INFO
            extra = {"regarding": str(regarding), "reason": reason, "container": container}
            _log.log(level, "%s", message, extra=extra)
            for listener in tuple(self._listeners):
                listener(document)

    def list(self, namespace: str | None = None) -> tuple[Document, ...]:
        """Return the events of a namespace (None: all), the one that happened last at the end."""
        every = (_read(one) for one in self._events.values())
        return tuple(one for one in every if namespace is None or one["metadata"]["namespace"] == namespace)

    def listen(self, listener: Listener) -> Callable[[], None]:
        """Have each new or counted Event told; returns what ends it. The listener must not wait and not fail."""
        self._listeners.append(listener)
        return lambda: self._listeners.remove(listener)

    def _first(self, subject: Subject, message: str) -> Document:
        now = self._clock.now()
        # As client-go names events; two of one instant, or after the wall clock went back, still differ.
        self._last_stamp_ns = max(self._last_stamp_ns + 1, int(now.timestamp() * 1_000_000_000))
        suffix = f".{self._last_stamp_ns:x}"
        stamp = time.render(now)
        return {
            "apiVersion": "v1",
            "kind": "Event",
            "metadata": {
                "name": subject.name[: _NAME_MAX - len(suffix)] + suffix,
                "namespace": subject.namespace or "default",
                "uid": self._new_uid(),
                "creationTimestamp": stamp,
            },
            "involvedObject": _involved(subject),
            "reason": subject.reason,
            "message": message,
            "source": {"component": _COMPONENT, "host": self._host_name},
            "firstTimestamp": stamp,
            "lastTimestamp": stamp,
            "count": 1,
            "type": subject.type,
            "eventTime": None,
            "reportingComponent": _COMPONENT,
            "reportingInstance": self._host_name,
        }

    def _again(self, known: Document, message: str) -> Document:
        stamp = time.render(self._clock.now())
        return {**known, "message": message, "lastTimestamp": stamp, "count": known["count"] + 1}


def _read(text: bytes) -> Document:
    document: Document = json.loads(text.decode(errors="surrogatepass"))
    return document


def _involved(subject: Subject) -> dict[str, Any]:
    kind = kinds.of_kind(subject.kind)
    involved = {
        "apiVersion": kind.api_version if kind else "v1",
        "kind": subject.kind,
        "name": subject.name,
        "namespace": subject.namespace,
        "uid": subject.uid,
        "fieldPath": f"spec.containers{{{subject.container}}}" if subject.container else "",
    }
    return {name: value for name, value in involved.items() if value}
