from __future__ import annotations

import fcntl
import os
import pty
import signal
import struct
import subprocess
import sys
import termios
import time
from pathlib import Path

import pytest

from tests.flow.cli.fake_agent import FakeAgent

ROOT = Path(__file__).parents[3]
HEAVY = ("pydantic", "typer", "rich", "click", "asyncio", "yaml", "paho", "wsproto", "cryptography", "podman")


@pytest.fixture
def environment(agent: FakeAgent) -> dict[str, str]:
    agent.add("pods", {"metadata": {"name": "web"}, "spec": {"containers": [{"name": "a"}]}, "status": {}})
    agent.answers["/version"] = {"gitVersion": "v1"}
    return {**os.environ, "EDGELET_SOCKET": agent.socket_path, "PYTHONPATH": str(ROOT)}


def edgelet(*argv: str) -> list[str]:
    return [sys.executable, "-m", "edgelet", *argv]


@pytest.mark.parametrize(
    "argv",
    [["version"], ["--help"], ["get", "pods"], ["get", "pods", "-o", "json"], ["delete", "pod", "x"], ["logs", "web"],
     ["patch", "pod", "x"], ["attach", "x"], ["port-forward", "web", "nope"], ["cp", "x", "y:z"], ["cp", "x", "y"]],
)  # fmt: skip
def test_a_verb_imports_only_what_it_needs(environment: dict[str, str], argv: list[str]) -> None:
    allowed = {"yaml"} if argv[0] == "patch" else set()
    program = (
        "import sys; from edgelet.cli import main; main.run(sys.argv[1:]); "
        f"print([name for name in {HEAVY!r} if name in sys.modules], file=sys.stderr)"
    )
    ran = subprocess.run(
        [sys.executable, "-c", program, *argv], env=environment, capture_output=True, text=True, check=True, timeout=20
    )
    loaded = set(eval(ran.stderr.splitlines()[-1]))  # noqa: S307  our own list
    assert loaded <= allowed


def test_a_reader_that_goes_away_is_no_traceback(environment: dict[str, str]) -> None:
    reader, writer = os.pipe()
    os.close(reader)
    ran = subprocess.run(
        edgelet("get", "pods"), env=environment, stdout=writer, stderr=subprocess.PIPE, text=True, check=False,
        timeout=20,
    )  # fmt: skip
    os.close(writer)
    assert (ran.returncode, ran.stderr) == (1, "")


def test_a_full_disk_is_no_traceback(environment: dict[str, str]) -> None:
    with Path("/dev/full").open("wb") as full:
        ran = subprocess.run(
            edgelet("get", "pods"), env=environment, stdout=full, stderr=subprocess.PIPE, text=True, check=False,
            timeout=20,
        )  # fmt: skip
    assert (ran.returncode, ran.stderr) == (1, "error: No space left on device\n")


def test_an_interrupt_ends_a_watch_with_130(agent: FakeAgent, environment: dict[str, str]) -> None:
    with subprocess.Popen(edgelet("get", "pods", "-w"), env=environment, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline().startswith("NAME")
        assert process.stdout.readline().startswith("web")
        process.send_signal(signal.SIGINT)
        assert process.wait(timeout=10) == 130
    agent.changes.put(None)


def test_exec_hands_standard_input_over_and_back(agent: FakeAgent, environment: dict[str, str]) -> None:
    agent.exec_echo = True
    data = os.urandom(3_000_000)  # more than all buffers on the way: both directions move at once
    ran = subprocess.run(
        edgelet("exec", "-i", "web", "--", "cat"), env=environment, input=data, capture_output=True, check=True,
        timeout=30,
    )  # fmt: skip
    assert ran.stdout == data
    assert agent.exec_inputs[-1] == b"\xff\x00"


def test_exec_with_a_terminal_is_raw_and_tells_its_size(agent: FakeAgent, environment: dict[str, str]) -> None:
    agent.exec_echo = True
    pid, terminal = pty.fork()
    if pid == 0:
        os.execve(sys.executable, edgelet("exec", "-it", "web", "--", "sh"), environment)  # noqa: S606  a vector
    try:
        wait_for(agent, 1)
        os.write(terminal, b"a\x03\x04")  # ctrl-c and ctrl-d are keys like others
        wait_for(agent, 2)
        fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", 33, 120, 0, 0))
        os.kill(pid, signal.SIGWINCH)
        wait_for(agent, 3)
    finally:
        os.close(terminal)
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)
    asked = next(one for one in agent.asked if one.path.endswith("/exec"))
    assert dict(asked.query)["tty"] == "true"
    assert dict(asked.query)["stderr"] == "false"
    assert agent.exec_inputs[0].startswith(b'\x04{"Width": ')
    assert b"".join(one[1:] for one in agent.exec_inputs[1:] if one[0] == 0) == b"a\x03\x04"
    assert b'\x04{"Width": 120, "Height": 33}' in agent.exec_inputs


def wait_for(agent: FakeAgent, count: int) -> None:
    """Until so many messages have come."""
    end_s = time.monotonic() + 10
    while len(agent.exec_inputs) < count and time.monotonic() < end_s:
        time.sleep(0.01)
    assert len(agent.exec_inputs) >= count


def test_closed_standard_streams_are_no_traceback(environment: dict[str, str]) -> None:
    command = f"{sys.executable} -m edgelet"
    for line, code in (
        (f"{command} get pods >&-", 0),
        (f"{command} get pods x >&- 2>&-", 1),
        (f"{command} nope 2>&-", 1),
        (f"{command} exec -iq web -- true <&-", 0),
    ):
        ran = subprocess.run(
            ["/bin/sh", "-c", line], env=environment, capture_output=True, text=True, check=False, timeout=20
        )
        assert (ran.returncode, ran.stdout, ran.stderr) == (code, "", ""), line


@pytest.mark.parametrize(
    ("argv", "code", "words"),
    [
        (["--nope"], 1, "unknown flag: --nope"),
        (["get", "pods", "--request-timeout=-1s"], 1, 'invalid argument "-1s" for "--request-timeout" flag'),
        (["get", "pods", "--request-timeout=9999999999999h"], 0, ""),
    ],
)
def test_odd_flags_are_told_in_words(environment: dict[str, str], argv: list[str], code: int, words: str) -> None:
    ran = subprocess.run(
        edgelet(*argv), env=environment, capture_output=True, text=True, check=False, timeout=20
    )  # fmt: skip
    assert ran.returncode == code
    assert words in ran.stderr
    assert "Traceback" not in ran.stderr


def test_of_the_files_of_a_directory_one_may_be_commented_out(environment: dict[str, str], tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text("---\n# nothing yet\n\n")
    (tmp_path / "b.yaml").write_text("{apiVersion: v1, kind: ConfigMap, metadata: {name: b}}")
    ran = subprocess.run(
        edgelet("apply", "-f", str(tmp_path), "--dry-run=client"),
        env=environment, capture_output=True, text=True, check=False, timeout=20,
    )  # fmt: skip
    assert (ran.returncode, ran.stdout, ran.stderr) == (0, "configmap/b created (dry run)\n", "")
