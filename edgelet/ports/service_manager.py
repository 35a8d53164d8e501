"""Who started the agent, and what it wants to know."""

from __future__ import annotations

from typing import Protocol


class ServiceManager(Protocol):
    """Takes notes about the agent's life. Never fails: without a service manager the notes go nowhere."""

    @property
    def watchdog_s(self) -> float | None:
        """How often it must hear `alive`, None if it does not watch."""
        ...

    def ready(self, status: str) -> None: ...

    def reloading(self) -> None: ...

    def stopping(self) -> None: ...

    def status(self, text: str) -> None: ...

    def alive(self) -> None: ...
