"""A disk that is full refuses writes and nothing else; when there is room again the store goes on."""

from __future__ import annotations

import asyncio
import os
import shlex
import sys
from pathlib import Path

import pytest

_CHILD = (sys.executable, "-m", "tests.stateful.object_store.child")


async def _run(*argv: str) -> str:
    process = await asyncio.create_subprocess_exec(
        *argv, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT
    )
    output, _ = await asyncio.wait_for(process.communicate(), 60)
    assert process.returncode == 0, output.decode()
    return output.decode()


async def test_a_file_that_may_not_grow_fails_writes_and_nothing_else(tmp_path: Path) -> None:
    output = await _run(*_CHILD, "fill", str(tmp_path / "state.db"), str(600 * 1024))
    assert "refused InsufficientStorage" in output
    assert "kept" in output


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can mount a small file system")
async def test_a_full_file_system_fails_writes_and_nothing_else(tmp_path: Path) -> None:
    command = shlex.join((*_CHILD, "fill", str(tmp_path / "state.db"), "0"))
    script = f"mount -t tmpfs -o size=2m edgelet-test {shlex.quote(str(tmp_path))} && exec {command}"
    output = await _run("unshare", "--mount", "--propagation", "private", "sh", "-c", script)
    assert "refused InsufficientStorage" in output
    assert "full" in output
    assert "kept" in output
