"""Errors as Kubernetes says them: a Status with reason, code, message, and causes with their field paths."""

from __future__ import annotations

import math

from edgelet.api import kinds
from edgelet.api.errors import EdgeletError, ForbiddenError, InvalidObjectError
from edgelet.api.status import Status, StatusCause, StatusDetails
from edgelet.ports.object_store import Document

_CODES = {
    "BadRequest": 400,
    "Unauthorized": 401,
    "Forbidden": 403,
    "NotFound": 404,
    "MethodNotAllowed": 405,
    "AlreadyExists": 409,
    "Conflict": 409,
    "Expired": 410,
    "Gone": 410,
    "RequestEntityTooLarge": 413,
    "UnsupportedMediaType": 415,
    "Invalid": 422,
    "TooManyRequests": 429,
    "InternalError": 500,
    "ServiceUnavailable": 503,
    "EngineUnavailable": 503,
    "BrokerUnavailable": 503,
    "Timeout": 504,
    "InsufficientStorage": 507,
}
_MAX_CAUSES = 100


def code(error: EdgeletError) -> int:
    """Return the HTTP code of an error; 500 for a reason that has none."""
    return _CODES.get(error.reason, 500)


def status(error: EdgeletError) -> Status:
    """Return the Status of an error."""
    details = _details(error)
    return Status(
        status="Failure",
        message=error.message,
        reason=error.reason,
        details=details if details.to_document() else None,
        code=code(error),
    )


def answer(error: EdgeletError) -> tuple[int, Document]:
    """Return the HTTP code and the Status document of an error."""
    return code(error), {"metadata": {}, **status(error).to_document()}


def _details(error: EdgeletError) -> StatusDetails:
    retry_s = math.ceil(error.retry_after.total_seconds()) if error.retry_after is not None else None
    if not isinstance(error, (ForbiddenError, InvalidObjectError)) or not error.faults:
        return StatusDetails(retry_after_seconds=retry_s)
    kind = kinds.of_kind(error.kind)
    return StatusDetails(
        name=error.name or None,
        group=kind.group or None if kind is not None else None,
        kind=error.kind,
        causes=tuple(
            StatusCause(reason=fault.reason, message=fault.message, field=fault.path or None)
            for fault in error.faults[:_MAX_CAUSES]
        ),
        retry_after_seconds=retry_s,
    )
