"""What went wrong, and what helps."""

from __future__ import annotations


class DemoError(Exception):
    """One step failed. `remedy` tells people what to do."""

    def __init__(self, message: str, remedy: str) -> None:
        self.remedy = remedy
        super().__init__(message)
