"""The program that knows X.509, as a child process: the agent itself never loads that library."""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import Mapping
from typing import Any

from edgelet.api.errors import BusError

_PROGRAM = "edgelet.adapters.identity.renewal_program"
_TIMEOUT_S = 120.0  # a loaded single-core board needs a few seconds to load the library


async def ask(question: Mapping[str, Any]) -> dict[str, Any]:
    """Return the program's answer.

    Raises:
        BusError: CertificateInvalid with its words, or it did not answer.
    """
    what = f"work on the certificate ({question['do']})"
    try:
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            *("-m", _PROGRAM),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
    except OSError as error:
        raise BusError("CertificateInvalid", f"cannot {what}: {error.strerror or error}") from error
    try:
        async with asyncio.timeout(_TIMEOUT_S):
            said, complaint = await process.communicate(json.dumps(question).encode())
    except TimeoutError as error:
        raise BusError("CertificateInvalid", f"cannot {what}: no answer in time") from error
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    try:
        answer: dict[str, Any] = json.loads(said)
    except ValueError as error:
        last = complaint.decode(errors="replace").strip().rpartition("\n")[2][:200]
        raise BusError("CertificateInvalid", f"cannot {what}: {last or 'it said nothing'}") from error
    if "error" in answer:
        raise BusError("CertificateInvalid", f"cannot {what}: {answer['error']}")
    return answer
