"""What a request is refused with, before any object is touched: an HTTP code and a Kubernetes Status."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from edgelet.api.errors import EdgeletError
from edgelet.ports.local_api import Response, json_response

MEDIA_TYPES = "application/json, application/yaml"
PATCH_TYPES = (
    "application/json-patch+json, application/merge-patch+json, application/strategic-merge-patch+json, "
    "application/apply-patch+yaml"
)


class RefusedError(EdgeletError):
    """A request that is answered with `code` and a Status made of reason, message and details."""

    def __init__(
        self,
        code: int,
        reason: str,
        message: str,
        *,
        details: Mapping[str, Any] | None = None,
        headers: tuple[tuple[str, str], ...] = (),
    ) -> None:
        super().__init__(reason, message)
        self.code = code
        self.details = details
        self.headers = headers

    def status(self) -> dict[str, Any]:
        """The Status document."""
        document: dict[str, Any] = {
            "kind": "Status",
            "apiVersion": "v1",
            "metadata": {},
            "status": "Failure",
            "message": self.message,
            "reason": self.reason,
        }
        if self.details:
            document["details"] = dict(self.details)
        return document | {"code": self.code}

    def response(self) -> Response:
        """The whole answer."""
        made = json_response(self.code, self.status())
        return Response(made.code, made.body, headers=self.headers)


def no_such_path() -> RefusedError:
    """404 for a path that names no resource: kubectl says that the server does not have the resource type."""
    return RefusedError(404, "NotFound", "the server could not find the requested resource", details={})


def not_found(plural: str, name: str, *, group: str = "") -> RefusedError:
    """404 for an object, in kube-apiserver's words."""
    details = {"name": name, "kind": plural} | ({"group": group} if group else {})
    qualified = f"{plural}.{group}" if group else plural
    return RefusedError(404, "NotFound", f'{qualified} "{name}" not found', details=details)


def bad_request(message: str) -> RefusedError:
    """400: the request itself is wrong."""
    return RefusedError(400, "BadRequest", message)


def method_not_allowed(method: str, *, allowed: tuple[str, ...]) -> RefusedError:
    """405 with what would be allowed."""
    message = f"the server does not allow {method} on the requested resource"
    return RefusedError(405, "MethodNotAllowed", message, headers=(("Allow", ", ".join(allowed)),))


def unsupported_media_type(content_type: str, *, accepted: str = MEDIA_TYPES) -> RefusedError:
    """415 for a body of an unknown type."""
    message = f"the body of the request was in an unknown format ({content_type or 'none'}) - accepted media types: "
    return RefusedError(415, "UnsupportedMediaType", message + accepted)


def forbidden(plural: str, name: str, why: str) -> RefusedError:
    """403 for what nobody may do here."""
    message = f'{plural} "{name}" is forbidden: {why}'
    return RefusedError(403, "Forbidden", message, details={"name": name, "kind": plural})


def expired(version: int) -> RefusedError:
    """410: a watch from a version whose deletions are no longer known; list again."""
    return RefusedError(410, "Expired", f"too old resource version: {version}; list again")
