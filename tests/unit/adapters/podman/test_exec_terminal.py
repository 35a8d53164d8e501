"""Lines on an exec's terminal end with CR LF from the first one on, whichever runtime makes them so, and when."""

from __future__ import annotations

import asyncio
import json
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest

from edgelet.adapters.podman import exec_session
from edgelet.adapters.podman.exec import Executor
from edgelet.adapters.podman.inspection import Inspected

# As runc does it: the container's terminal ends lines with LF alone, and the outer one is told late to make CR LF.
_RUNC = r"""
import os, termios, tty
os.write(1, b"early\n")
tty.setraw(1)
settings = termios.tcgetattr(1)
settings[1] |= termios.OPOST
termios.tcsetattr(1, termios.TCSANOW, settings)
os.write(1, b"late\n")
"""
# As crun does it: the container's terminal ends lines with CR LF, the outer one is raw.
_CRUN = r"""
import os, tty
os.write(1, b"early\r\n")
tty.setraw(1)
os.write(1, b"late\r\n")
"""


def container(folder: Path) -> Inspected:
    config = folder / "config.json"
    config.write_text(json.dumps({"process": {"args": ["sh"], "cwd": "/"}}))
    return Inspected(
        id="c",
        pod_id="p",
        pod=None,
        name="main",
        labels={},
        infra=False,
        status="running",
        created_at=datetime(2026, 1, 1, tzinfo=UTC),
        image="i",
        image_id="i",
        config_path=str(config),
    )


@pytest.mark.parametrize(("name", "script"), [("runc", _RUNC), ("crun", _CRUN)])
async def test_every_line_ends_with_cr_lf(tmp_path: Path, name: str, script: str) -> None:
    runtime = tmp_path / name
    runtime.write_text(f"#!{sys.executable}{script}")
    runtime.chmod(0o700)
    executor = Executor(run_dir=tmp_path, oci_runtime=str(runtime))
    session = await exec_session.open_session(executor, container(tmp_path), ("cat",), stdin=True, tty=True)
    async with asyncio.timeout(20):
        found = b"".join([data async for _, data in session.output()])
    assert found == b"early\r\nlate\r\n"
