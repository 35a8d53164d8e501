"""Runs the conformance runner against an agent of its own."""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

from tests.fixtures.agent import AgentUnderTest

_ROOT = Path(__file__).parents[1]
_RUNNER = _ROOT / "tests" / "conformance" / "run"


def main(arguments: list[str]) -> int:
    """Start an agent, run the cases, remove everything; returns the runner's exit code."""
    keep_log = None
    if arguments[:1] == ["--keep-log"]:
        keep_log, arguments = Path(arguments[1]), arguments[2:]
    agent = AgentUnderTest()
    pid_file = agent.base / "agent.pid"
    start = agent.base / "start"
    command = shlex.join((sys.executable, "-m", "edgelet", "agent", "--config", str(agent.config)))
    start.write_text(
        f"#!/bin/sh\ncd {shlex.quote(str(_ROOT))}\n"
        "unset EDGELET_TEST_SANDBOX\n"  # it is in the settings by now; the agent itself would refuse it
        f"setsid {command} </dev/null >>{agent.log_path} 2>&1 &\necho $! >{pid_file}\n"
    )
    stop = agent.base / "stop"
    stop.write_text(
        f"#!/bin/sh\npid=$(cat {pid_file})\nkill -TERM $pid\nwhile kill -0 $pid 2>/dev/null; do sleep 0.1; done\n"
    )
    for script in (start, stop):
        script.chmod(0o755)
    try:
        subprocess.run((start,), check=True)
        agent.load_testbox()
        runner = (
            *(sys.executable, str(_RUNNER), "--cli", shlex.join((sys.executable, "-m", "edgelet"))),
            *("--node-name", agent.name, "--host-ip", "127.0.0.1"),
            *("--agent-stop", str(stop), "--agent-start", str(start), *arguments),
        )
        environ = {**os.environ, "EDGELET_SOCKET": str(agent.socket), "PYTHONPATH": str(_ROOT)}
        return subprocess.run(runner, env=environ, check=False).returncode
    finally:
        if keep_log is not None and agent.log_path.exists():
            shutil.copyfile(agent.log_path, keep_log)
        subprocess.run((stop,), check=False, timeout=60)
        agent.close()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
