"""Podman's errors, as edgelet's. Nothing but EdgeletError leaves this folder."""

from __future__ import annotations

from datetime import timedelta


class LibpodError(Exception):
    """An answer of the REST API that is no success. Stays inside adapters/podman; translate it before it leaves.

    `cause` is the innermost error (often one of libpod's constants: "no such container"), `message` the whole chain.
    """

    def __init__(self, status: int, cause: str, message: str = "") -> None:
        super().__init__(f"{status}: {message or cause}")
        self.status = status
        self.cause = cause
        self.message = message or cause


RETRY_SOON = timedelta(seconds=1)
