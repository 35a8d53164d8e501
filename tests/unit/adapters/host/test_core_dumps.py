from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

_DIES = """
import os, resource, sys
hard = resource.getrlimit(resource.RLIMIT_CORE)[1]
resource.setrlimit(resource.RLIMIT_CORE, (hard, hard))
if sys.argv[1] != "agent":
    os.abort()
from edgelet.agent import daemon, main
async def run(self):
    os.abort()
daemon.Daemon.run = run
main.run(None, check=False)
os.abort()
"""


def dumped(folder: Path, who: str) -> bool:
    """Whether a process that aborts leaves a core."""
    process = subprocess.Popen(
        (sys.executable, "-c", _DIES, who), cwd=folder, env={**os.environ, "PYTHONPATH": ":".join(sys.path)}
    )
    _, status = os.waitpid(process.pid, 0)
    process.returncode = 0  # it was waited for
    assert os.WTERMSIG(status) == signal.SIGABRT
    return os.WCOREDUMP(status)


@pytest.mark.skipif(os.geteuid() != 0, reason="the agent is root")
def test_an_agent_that_crashes_leaves_no_core_where_another_program_does(tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()
    (tmp_path / "agent").mkdir()
    if not dumped(tmp_path / "other", "other"):
        pytest.skip("this machine dumps no cores at all")
    assert not dumped(tmp_path / "agent", "agent")
    assert list((tmp_path / "agent").iterdir()) == []
