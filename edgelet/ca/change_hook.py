"""A command of the operator's that hands the authority's files on: copies them to brokers, has those read them."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import logging
from collections.abc import Sequence
from pathlib import Path

from edgelet.ca.publication import BUNDLE, CRL

_log = logging.getLogger(__name__)

TIMEOUT_S = 120.0
_MOST_TOLD = 2000  # bytes of what the command said


class ChangeHook:
    """Runs the command at the first look, and at each look that finds other files than the last good run did."""

    def __init__(self, directory: Path, command: Sequence[str]) -> None:
        self._files = (directory / BUNDLE, directory / CRL)
        self._command = tuple(command)
        self._handed_on = b""

    async def look(self) -> bool:
        """Run the command if there is reason to; whether it ran and ended well. A failed run is tried again."""
        digest = self._digest()
        if digest in {self._handed_on, b""}:
            return False
        told = await self._run()
        if told is not None:
            _log.warning("the command of --on-change failed, it will be tried again: %s", told)
            return False
        self._handed_on = digest
        _log.info("the command of --on-change ran")
        return True

    async def _run(self) -> str | None:
        """Run it; None if it ended well, else what it said."""
        try:
            process = await asyncio.create_subprocess_exec(
                *self._command,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.STDOUT,
            )
        except OSError as error:
            return f"{self._command[0]}: {error.strerror or error}"
        try:
            async with asyncio.timeout(TIMEOUT_S):
                said, _ = await process.communicate()
        except TimeoutError:
            return f"no end within {TIMEOUT_S:g} s"
        finally:
            if process.returncode is None:
                with contextlib.suppress(ProcessLookupError):
                    process.kill()
                await process.wait()
        if process.returncode:
            return f"exit code {process.returncode}: {said[-_MOST_TOLD:].decode('utf-8', 'replace').strip()}"
        return None

    def _digest(self) -> bytes:
        """What tells the files apart; nothing where one cannot be read."""
        try:
            return hashlib.sha256(b"\0".join(path.read_bytes() for path in self._files)).digest()
        except OSError:
            return b""
