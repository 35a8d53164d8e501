"""Query parameters as values: what a request asks for beside its path. Pure."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from edgelet.ports.local_api import Request
from edgelet.remote import selectors
from edgelet.remote.refusal import bad_request
from edgelet.remote.selectors import Selector

WATCH_LIMIT_S = 7 * 24 * 3600
GRACE_LIMIT_S = 1 << 31


@dataclass(frozen=True, slots=True)
class ListOptions:
    """Kubernetes' ListOptions as far as one node can honour them; limit and continue are not needed here."""

    selector: Selector = selectors.EVERYTHING
    watch: bool = False
    resource_version: int | None = None  # None: whatever is newest
    timeout_s: float | None = None
    bookmarks: bool = False
    initial_events: bool = False  # sendInitialEvents: a watch that begins with a list and says where it ends


@dataclass(frozen=True, slots=True)
class WriteOptions:
    """How a change is meant."""

    dry_run: bool = False
    strict: bool = False  # unknown fields are refused
    warn: bool = True  # unknown fields are told


@dataclass(frozen=True, slots=True)
class DeleteOptions:
    """How a deletion is meant. propagationPolicy is accepted: one node's objects own nothing yet."""

    grace_s: int | None = None  # None: the object's own
    uid: str | None = None
    resource_version: str | None = None
    dry_run: bool = False


def of_list(request: Request, *, kind: str) -> ListOptions:
    """Read the options of a list or a watch. Raises RefusedError(400)."""
    selector = selectors.parse(labels=request.first("labelSelector"), fields=request.first("fieldSelector"), kind=kind)
    version = request.first("resourceVersion")
    timeout_s = _integer(request, "timeoutSeconds")
    return ListOptions(
        selector=selector,
        watch=_flag(request, "watch"),
        resource_version=_version(version) if version else None,
        timeout_s=min(timeout_s, WATCH_LIMIT_S) if timeout_s else None,
        bookmarks=_flag(request, "allowWatchBookmarks"),
        initial_events=_flag(request, "sendInitialEvents"),
    )


def of_write(request: Request) -> WriteOptions:
    """Read the options of a create, replace, patch or apply. Raises RefusedError(400)."""
    validation = request.first("fieldValidation", "Warn")
    if validation not in ("Ignore", "Warn", "Strict"):
        raise bad_request(f"fieldValidation {validation!r} is not one of Ignore, Warn, Strict")
    return WriteOptions(
        dry_run=_dry_run(list(request.query.get("dryRun", ()))),
        strict=validation == "Strict",
        warn=validation != "Ignore",
    )


def of_delete(request: Request) -> DeleteOptions:
    """Read the options of a deletion from the query and from the body, which wins. Raises RefusedError(400)."""
    body = _delete_body(request.body)
    grace = body.get("gracePeriodSeconds")
    if grace is None:
        grace = _integer(request, "gracePeriodSeconds")
    if grace is not None and (isinstance(grace, bool) or not isinstance(grace, int) or not 0 <= grace < GRACE_LIMIT_S):
        raise bad_request(f"gracePeriodSeconds {grace!r} is not a number of seconds, 0 or more")
    preconditions = body.get("preconditions") or {}
    if not isinstance(preconditions, dict):
        raise bad_request("preconditions is no object")
    dry_run = body.get("dryRun") or list(request.query.get("dryRun", ()))
    return DeleteOptions(
        grace_s=grace,
        uid=_text(preconditions, "uid"),
        resource_version=_text(preconditions, "resourceVersion"),
        dry_run=_dry_run(dry_run if isinstance(dry_run, list) else [dry_run]),
    )


def flag(request: Request, name: str) -> bool:
    """A boolean as Kubernetes reads it from a query: there and neither "0" nor "false"."""
    return _flag(request, name)


def integer(request: Request, name: str) -> int | None:
    """A whole number, 0 or more; None where it is not given. Raises RefusedError(400)."""
    return _integer(request, name)


def _flag(request: Request, name: str) -> bool:
    return name in request.query and request.first(name).lower() not in ("0", "false")


def _integer(request: Request, name: str) -> int | None:
    text = request.first(name)
    if not text:
        return None
    if not (text.isascii() and text.isdigit() and len(text) < 19):  # noqa: PLR2004  fits 64 bits
        raise bad_request(f"{name} {text[:40]!r} is not a number, 0 or more")
    return int(text)


def _version(text: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) < 19):  # noqa: PLR2004  fits 64 bits
        raise bad_request(f"resourceVersion {text[:40]!r} is not one of this server's")
    return int(text)


def _dry_run(values: list[Any]) -> bool:
    if any(value != "All" for value in values):
        raise bad_request(f"dryRun {values[0]!r} is not supported: only All")
    return bool(values)


def _delete_body(body: bytes) -> dict[str, Any]:
    if not body.strip():
        return {}
    try:
        options = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise bad_request("the body of a DELETE must be DeleteOptions in JSON") from error
    if not isinstance(options, dict):
        raise bad_request("the body of a DELETE must be DeleteOptions in JSON")
    return options


def _text(document: dict[str, Any], name: str) -> str | None:
    value = document.get(name)
    if value is not None and not isinstance(value, str):
        raise bad_request(f"preconditions.{name} is no string")
    return value or None
