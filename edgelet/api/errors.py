"""Errors of edgelet: a condition in waiting, with a reason for machines and a message for people."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

_MAX_TOLD = 100  # faults in one message: a payload of 128 KiB can have tens of thousands


class EdgeletError(Exception):
    """Something edgelet could not do.

    `reason` is one of Kubernetes' own CamelCase words (ErrImagePull, Conflict, NotFound ...), `message` is for people:
    "cannot X: why, what helps". `retry_after` says when trying again may help; None means: when something changes.
    """

    def __init__(self, reason: str, message: str, *, retry_after: timedelta | None = None) -> None:
        super().__init__(message)
        self.reason = reason
        self.message = message
        self.retry_after = retry_after

    def __str__(self) -> str:
        return f"{self.reason}: {self.message}"


@dataclass(frozen=True, slots=True)
class FieldError:
    """One fault of a document: the field's path as Kubernetes writes it, and what is wrong with it."""

    path: str  # spec.containers[1].ports[0].hostPort
    message: str
    reason: str = "FieldValueInvalid"  # a Kubernetes CauseType

    def __str__(self) -> str:
        return f"{self.path}: {self.message}" if self.path else self.message


class InvalidObjectError(EdgeletError):
    """A document that is understood and wrong: every fault with its path, the first 100 in the message.

    HTTP 422, reason Invalid.
    """

    def __init__(self, kind: str, name: str, faults: tuple[FieldError, ...]) -> None:
        self.kind = kind
        self.name = name
        self.faults = faults
        text = "; ".join(map(str, faults[:_MAX_TOLD]))
        text += f"; and {len(faults) - _MAX_TOLD} more" if len(faults) > _MAX_TOLD else ""
        super().__init__("Invalid", f'{kind} "{name}" is invalid: {text}')


class DecodeError(EdgeletError):
    """Bytes that are no Kubernetes object at all: bad YAML, binary, no kind. HTTP 400, reason BadRequest."""

    def __init__(self, message: str) -> None:
        super().__init__("BadRequest", message)


class NotFoundError(EdgeletError):
    """There is no such object. HTTP 404, reason NotFound."""

    def __init__(self, message: str) -> None:
        super().__init__("NotFound", message)


class ForbiddenError(EdgeletError):
    """Understood and not allowed here, whatever the document says. HTTP 403, reason Forbidden.

    `faults` name the fields, where it is about fields; `kind` and `name` the object they are of.
    """

    def __init__(self, message: str, *, kind: str = "", name: str = "", faults: tuple[FieldError, ...] = ()) -> None:
        super().__init__("Forbidden", message)
        self.kind = kind
        self.name = name
        self.faults = faults


class ConflictError(EdgeletError):
    """The object changed meanwhile, or belongs to another source. HTTP 409, reason Conflict or AlreadyExists."""

    def __init__(self, message: str, *, reason: str = "Conflict") -> None:
        super().__init__(reason, message)


class TooLargeError(EdgeletError):
    """A document or a number of objects beyond a bound. HTTP 413, reason RequestEntityTooLarge."""

    def __init__(self, message: str) -> None:
        super().__init__("RequestEntityTooLarge", message)


class StorageError(EdgeletError):
    """The state database could not write or read: disk full, I/O error. HTTP 507, reason InsufficientStorage."""

    def __init__(self, message: str, *, retry_after: timedelta | None = timedelta(seconds=5)) -> None:
        super().__init__("InsufficientStorage", message, retry_after=retry_after)


class EngineError(EdgeletError):
    """Podman could not do what was asked; the reason says at which station of a container's life."""


class ImageError(EdgeletError):
    """An image could not be pulled or read: ErrImagePull, InvalidImageName, ErrImageNeverPull, ImageInspectError."""


class DamagedImageError(ImageError):
    """An image is here and cannot be used: layers or metadata are missing. Fetching it anew helps."""


class UnclearPullError(ImageError):
    """A pull that did not end well in a way that does not tell whether the image came."""


class AbandonedPullError(UnclearPullError):
    """A pull that was given up while the engine was at it: the image may come yet."""


class BusError(EdgeletError):
    """The broker cannot be reached or refuses: reason BrokerUnavailable, NotAuthorized, PacketTooLarge ..."""


class ProbeError(EdgeletError):
    """A question of a probe or hook got no answer: no connection, no answer in time, not the protocol.

    `plain_http`: HTTPS was asked, and HTTP answered.
    """

    def __init__(self, message: str, *, plain_http: bool = False) -> None:
        super().__init__("ProbeFailed", message)
        self.plain_http = plain_http
