"""An error as the world reads it: a Kubernetes Status."""

from __future__ import annotations

from edgelet.api.errors import EdgeletError, InvalidObjectError
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
    "RequestEntityTooLarge": 413,
    "UnsupportedMediaType": 415,
    "Invalid": 422,
    "TooManyRequests": 429,
    "InternalError": 500,
    "ServiceUnavailable": 503,
    "InsufficientStorage": 507,
}
_MAX_MESSAGE_CHARACTERS = 1024
_MAX_CAUSES = 16


def status_of(error: EdgeletError) -> Document:
    """Return the Status document of an error; long messages and long lists of faults are cut."""
    details = None
    if isinstance(error, InvalidObjectError):
        causes = tuple(
            StatusCause(reason=fault.reason, message=_cut(fault.message), field=fault.path or None)
            for fault in error.faults[:_MAX_CAUSES]
        )
        details = StatusDetails(name=error.name, kind=error.kind, causes=causes)
    elif error.retry_after is not None:
        details = StatusDetails(retry_after_seconds=max(1, round(error.retry_after.total_seconds())))
    status = Status(
        status="Failure",
        reason=error.reason,
        message=_cut(error.message),
        details=details,
        code=_CODES.get(error.reason, 500),
    )
    return status.to_document()


def _cut(text: str) -> str:
    return text if len(text) <= _MAX_MESSAGE_CHARACTERS else text[: _MAX_MESSAGE_CHARACTERS - 3] + "..."
