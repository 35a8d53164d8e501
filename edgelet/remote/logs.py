"""pods/NAME/log: which file is meant, which part of it, and when following ends."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from edgelet.ports.clock import Clock
from edgelet.ports.local_api import Request, Streaming
from edgelet.ports.log_files import LogFiles, LogView
from edgelet.ports.object_store import Key, ObjectStore, StoredObject
from edgelet.ports.runtime import PodRef
from edgelet.remote import options, pod_containers, refusal

CONTENT_TYPE = "text/plain"
_SINCE_LIMIT_S = 10**9


def answer(request: Request, pod: StoredObject, *, store: ObjectStore, files: LogFiles, clock: Clock) -> Streaming:
    """Answer a request for logs.

    Raises:
        RefusedError: 400: parameters that make no sense, a container that is not there or has no log.
    """
    view = _view(request, now=clock.now())
    container = pod_containers.for_logs(pod.document, request.first("container"))
    previous = options.flag(request, "previous")
    instance = pod_containers.instance_for_logs(pod.document, container, previous=previous)
    ref = PodRef(uid=pod.uid, namespace=pod.key.namespace, name=pod.key.name)
    if not options.flag(request, "follow") or previous:
        return Streaming(files.read(ref, container, instance, view=view), content_type=CONTENT_TYPE)

    def alive() -> bool:
        return _lives(store, pod.key, uid=pod.uid, container=container, instance=instance)

    return Streaming(files.read(ref, container, instance, view=view, alive=alive), content_type=CONTENT_TYPE)


def _lives(store: ObjectStore, key: Key, *, uid: str, container: str, instance: int) -> bool:
    """Whether this instance still runs: another one has another file, as with the kubelet following ends here."""
    found = store.get(key)
    if found is None or found.uid != uid:
        return False
    status = pod_containers.status(found.document, container)
    return pod_containers.running(status) and int(status.get("restartCount") or 0) == instance


def _view(request: Request, *, now: datetime) -> LogView:
    since_s, since_time = options.integer(request, "sinceSeconds"), request.first("sinceTime")
    limit = options.integer(request, "limitBytes")
    if since_s is not None and since_time:
        raise refusal.bad_request("at most one of sinceTime or sinceSeconds may be specified")
    if since_s == 0 or limit == 0:
        raise refusal.bad_request("sinceSeconds and limitBytes must be greater than 0")
    since = now - timedelta(seconds=min(since_s, _SINCE_LIMIT_S)) if since_s else None
    if since_time:
        since = _time(since_time)
    stream = request.first("stream", "All")
    if stream not in ("All", "Stdout", "Stderr"):
        raise refusal.bad_request(f"stream {stream!r} is not one of All, Stdout, Stderr")
    return LogView(
        tail_lines=options.integer(request, "tailLines"),
        since=since,
        timestamps=options.flag(request, "timestamps"),
        limit_bytes=limit,
        stream="Stdout" if stream == "Stdout" else "Stderr" if stream == "Stderr" else "All",
    )


def _time(text: str) -> datetime:
    try:
        parsed = datetime.fromisoformat(text)
    except ValueError as error:
        raise refusal.bad_request(f"sinceTime {text[:64]!r} is no RFC 3339 time") from error
    return parsed if parsed.tzinfo else parsed.replace(tzinfo=UTC)
