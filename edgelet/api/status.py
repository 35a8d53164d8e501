"""Status: the answer where there is no object to give, above all an error."""

from __future__ import annotations

from typing import Any, Literal

from edgelet.api.value import Items, Value


class StatusCause(Value):
    """One fault; `field` is the path of what is wrong."""

    reason: str | None = None
    message: str | None = None
    field: str | None = None


class StatusDetails(Value):
    """What it is about."""

    name: str | None = None
    group: str | None = None
    kind: str | None = None
    uid: str | None = None
    causes: Items[StatusCause] = ()
    retry_after_seconds: int | None = None


class Status(Value):
    """Success or Failure with a reason for machines, a message for people and an HTTP code."""

    api_version: Literal["v1"] = "v1"
    kind: Literal["Status"] = "Status"
    metadata: dict[str, Any] | None = None
    status: Literal["Success", "Failure"]
    message: str | None = None
    reason: str | None = None
    details: StatusDetails | None = None
    code: int | None = None
