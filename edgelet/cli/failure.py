"""What the command line could not do, in kubectl's words, and the exit code that goes with it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


class CliError(Exception):
    """Printed as `error: MESSAGE`; `str` is the whole line."""

    def __init__(self, message: str, *, exit_code: int = 1) -> None:
        super().__init__(message)
        self.message = message
        self.exit_code = exit_code

    def __str__(self) -> str:
        return f"error: {self.message}"


class UsageError(CliError):
    """The words of the command line are wrong: a hint at --help follows the message."""


class ServerError(CliError):
    """The agent refused: its Kubernetes Status, printed as `Error from server (Reason): message`."""

    def __init__(self, status: Mapping[str, Any], *, http_status: int) -> None:
        super().__init__(str(status.get("message") or f"the server answered with HTTP status {http_status}"))
        self.status = status
        self.http_status = http_status
        self.reason = str(status.get("reason") or "")

    @property
    def not_found(self) -> bool:
        """Whether the object, or the whole resource type, is not there."""
        return self.http_status == 404 or self.reason == "NotFound"  # noqa: PLR2004  HTTP Not Found

    def __str__(self) -> str:
        if self.reason == "Invalid":  # kubectl says it without the server
            return f"The {self.message}" if '" is invalid' in self.message else f"error: {self.message}"
        return (
            f"Error from server ({self.reason}): {self.message}"
            if self.reason
            else f"Error from server: {self.message}"
        )
