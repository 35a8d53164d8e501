"""attach, port-forward and cp on a real board: the real command, a real agent, real containers."""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import pty
import select
import signal
import socket
import struct
import subprocess
import sys
import termios
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

import pytest

from tests.fixtures.agent import ROOT, AgentUnderTest, until
from tests.fixtures.workload import container, pod

pytestmark = pytest.mark.podman

ANSWERS = 'while read line; do echo "got $line"; done; echo end'
IDLE = "sleep 100000 & wait"
PATIENCE_S = 60.0


@pytest.fixture(scope="module")
def board() -> Iterator[AgentUnderTest]:
    """One agent for all tests, whose engine is soon out of the way."""
    with AgentUnderTest(settings={"podman": {"idle_exit_s": 1}}) as agent:
        yield agent


@pytest.fixture(autouse=True)
def _none_left(board: AgentUnderTest) -> Iterator[None]:
    yield
    if not board.alive:
        board.start()
    board.cli("delete", "pods", "--all", "--grace-period=0", "--force")


def running(board: AgentUnderTest, name: str = "web") -> None:
    def ready() -> bool:
        status = (board.get("pod", name) or {}).get("status", {})
        return all(one.get("ready") for one in status.get("containerStatuses", [])) and status.get("phase") == "Running"

    until(ready, within_s=PATIENCE_S, what=f"{name} is ready")


class Command:
    """A running `edgelet`, whose output is read line by line."""

    def __init__(self, board: AgentUnderTest, *arguments: str) -> None:
        self.process = subprocess.Popen(
            (sys.executable, "-m", "edgelet", *arguments),
            cwd=ROOT,
            env={**os.environ, "EDGELET_SOCKET": str(board.socket)},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            bufsize=0,
        )

    def line(self) -> str:
        assert self.process.stdout is not None
        ready, _, _ = select.select([self.process.stdout], [], [], PATIENCE_S)
        assert ready, "silent"
        return self.process.stdout.readline().decode()

    def say(self, text: str) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(text.encode())
        self.process.stdin.flush()

    def ends(self) -> tuple[int, str, str]:
        out, err = self.process.communicate(timeout=PATIENCE_S)
        return self.process.returncode, out.decode(), err.decode()

    def close(self) -> None:
        self.process.kill()
        self.process.communicate()


Begin = Callable[..., Command]


@pytest.fixture
def begin(board: AgentUnderTest) -> Iterator[Begin]:
    """Make commands that do not outlive the test."""
    made: list[Command] = []

    def begun(*arguments: str) -> Command:
        made.append(Command(board, *arguments))
        return made[-1]

    yield begun
    for one in made:
        one.close()


def engines(board: AgentUnderTest) -> list[int]:
    """Pids of podman itself, without the monitors."""
    found = []
    for pid in board.engine_processes():
        with contextlib.suppress(OSError):
            if Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")[0].endswith(b"podman"):
                found.append(pid)
    return found


def restart(board: AgentUnderTest) -> None:
    """Start the agent that was killed, and wait until it knows its containers again."""
    board.start()
    until(lambda: board.cli("exec", "web", "--", "true", check=False).returncode == 0, what="the agent is ready")


def logs(board: AgentUnderTest, name: str = "web") -> list[str]:
    return board.cli("logs", name).stdout.splitlines()


def inside(board: AgentUnderTest, script: str) -> str:
    return board.cli("exec", "web", "--", "sh", "-c", script).stdout


# ---- attach


def test_attach_hears_and_is_heard_and_the_input_outlives_clients_and_the_agent(
    board: AgentUnderTest, begin: Begin
) -> None:
    board.apply(pod("web", container("main", f"{ANSWERS}; {IDLE}", stdin=True)))
    running(board)
    until(lambda: not engines(board), what="the engine is out of the way")
    for word in ("one", "two"):
        client = begin("attach", "-iq", "web")
        client.say(f"{word}\n")
        assert client.line() == f"got {word}\n"
        client.close()
    looking, writing = begin("attach", "-q", "web"), begin("attach", "-iq", "web")
    writing.say("three\n")
    assert writing.line() == "got three\n"
    assert engines(board) == [], "no engine was started for it"
    board.kill()
    for client in (looking, writing):
        code, _, err = client.ends()
        assert (code, "agent" in err) == (1, True), err
    restart(board)
    client = begin("attach", "-iq", "web")
    client.say("four\n")
    assert client.line() == "got four\n"
    client.close()
    assert logs(board) == ["got one", "got two", "got three", "got four"]


def test_with_stdin_once_the_end_of_input_is_the_containers(board: AgentUnderTest, begin: Begin) -> None:
    main = container("main", f"{ANSWERS}; sleep 1; exit 0", stdin=True, stdinOnce=True)
    board.apply(pod("web", main, restartPolicy="Never"))
    running(board)
    client = begin("attach", "-iq", "web")
    client.say("one\ntwo\n")
    assert client.process.stdin is not None
    client.process.stdin.close()
    client.process.stdin = None
    assert client.ends() == (0, "got one\ngot two\nend\n", "")
    until(lambda: (board.get("pod", "web") or {})["status"]["phase"] == "Succeeded", what="it is over")
    done = board.cli("attach", "web", check=False)
    assert done.stderr == "error: cannot attach a container in a completed pod; current phase is Succeeded\n"


def test_a_terminal_is_joined_with_its_size_and_its_keys(board: AgentUnderTest) -> None:
    board.apply(pod("web", container("main", "exec sh", stdin=True, tty=True)))
    running(board)
    for size, word in ((b"33 120", b"fir"), (b"20 70", b"seco")):  # leaving and coming back changes nothing
        pid, terminal = pty.fork()
        if pid == 0:
            os.environ["EDGELET_SOCKET"] = str(board.socket)
            os.chdir(ROOT)
            os.execv(sys.executable, (sys.executable, "-m", "edgelet", "attach", "-it", "web"))  # noqa: S606  a vector
        try:
            until(partial(is_raw, terminal), what="keys go over as they are pressed")
            rows, columns = map(int, size.split())
            fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))
            os.kill(pid, signal.SIGWINCH)
            # Ctrl-C is the shell's key: it drops the half-typed line and goes on.
            os.write(terminal, b"half a line\x03echo " + word + b"''st\n")
            read_until(terminal, word + b"st\r\n")
            until(partial(has_size, terminal, size), what="the size arrives")
        finally:
            os.kill(pid, signal.SIGKILL)
            os.close(terminal)
            os.waitpid(pid, 0)
    assert (board.get("pod", "web") or {})["status"]["containerStatuses"][0]["restartCount"] == 0


def is_raw(terminal: int) -> bool:
    return not termios.tcgetattr(terminal)[3] & termios.ICANON


def has_size(terminal: int, size: bytes) -> bool:
    """Whether the shell at the other end sees a terminal of that size."""
    os.write(terminal, b"stty size; echo as''ked\n")
    return size in read_until(terminal, b"asked\r\n")


def read_until(terminal: int, words: bytes) -> bytes:
    seen = b""
    while words not in seen:
        ready, _, _ = select.select([terminal], [], [], PATIENCE_S)
        assert ready, seen
        seen += os.read(terminal, 65536)
    return seen


# ---- port-forward

HTTP = "mkdir -p /srv; echo hello >/srv/index.html; exec httpd -f -p 127.0.0.1:8000 -h /srv"


def forward(begin: Begin, *ports: str) -> tuple[Command, list[int]]:
    """Begin to forward to the pod web."""
    command = begin("port-forward", "web", *ports, "--address", "127.0.0.1")
    lines = [command.line() for _ in ports]
    assert all(line.startswith("Forwarding from 127.0.0.1:") for line in lines), lines
    return command, [int(line.split(":")[1].split(" ")[0]) for line in lines]


def get(port: int, path: str = "/") -> bytes:
    """Ask once; the whole answer, b"" where there was none."""
    with contextlib.suppress(ConnectionError), socket.create_connection(("127.0.0.1", port), PATIENCE_S) as connection:
        connection.sendall(f"GET {path} HTTP/1.0\r\n\r\n".encode())
        return b"".join(iter(lambda: connection.recv(65536), b""))
    return b""


def test_a_server_on_the_pods_own_localhost_is_reached_by_many_at_once(board: AgentUnderTest, begin: Begin) -> None:
    ports = [{"name": "http", "containerPort": 8000}]
    board.apply(pod("web", container("main", HTTP, ports=ports)))
    running(board)
    command, (port, closed) = forward(begin, ":http", ":8001")
    until(lambda: b"hello" in get(port), what="the server is there")
    until(lambda: not engines(board), what="the engine is out of the way")
    with ThreadPoolExecutor(30) as pool:
        answers = list(pool.map(get, [port] * 60))
    assert all(b"hello" in answer for answer in answers)
    assert engines(board) == [], "no engine was started for it"
    assert get(closed) == b""
    command.process.send_signal(signal.SIGINT)
    code, out, err = command.ends()
    assert code == 0
    assert f"Handling connection for {port}\n" in out
    assert f"an error occurred forwarding {closed} -> 8001: error forwarding port 8001 to pod " in err
    assert "127.0.0.1:8001: connect: connection refused" in err


def test_a_connection_ends_with_its_server_and_the_forward_with_its_pod(board: AgentUnderTest, begin: Begin) -> None:
    board.apply(pod("web", container("main", "exec nc -ll -p 7000 -e cat")))
    running(board)
    command, (port,) = forward(begin, ":7000")

    def connect() -> socket.socket | None:
        made = socket.create_connection(("127.0.0.1", port), PATIENCE_S)
        with contextlib.suppress(ConnectionError):
            made.sendall(b"x")
            if made.recv(1):
                return made
        made.close()
        return None

    connection = until(connect, what="the server is there")
    pid = json.loads(board.podman("inspect", board.containers()[0]["Id"]))[0]["State"]["Pid"]
    os.kill(pid, signal.SIGKILL)
    with contextlib.suppress(ConnectionError):
        assert connection.recv(1) == b""
    connection.close()
    until(connect, within_s=PATIENCE_S, what="the forward serves the next instance").close()
    board.cli("delete", "pod", "web", "--grace-period=0", "--force")
    code, _, err = command.ends()
    assert (code, err.splitlines()[-1]) == (1, "error: lost connection to pod")


def test_a_pod_on_the_hosts_network_is_reached_and_the_agents_end_is_told(board: AgentUnderTest, begin: Begin) -> None:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        free = probe.getsockname()[1]
    script = HTTP.replace("8000", str(free))
    board.apply(pod("web", container("main", script), hostNetwork=True))
    running(board)
    command, (port,) = forward(begin, f":{free}")
    until(lambda: b"hello" in get(port), what="the server is there")
    board.kill()
    code, _, err = command.ends()
    assert (code, err.splitlines()[-1]) == (1, "error: lost connection to pod")


def test_much_goes_through_in_little_memory_and_a_slow_reader_stops_the_server(
    board: AgentUnderTest, begin: Begin
) -> None:
    script = f"mkdir -p /srv; dd if=/dev/zero of=/srv/big bs=1M count=200; {HTTP}"
    board.apply(pod("web", container("main", script)))
    running(board)
    _, (port,) = forward(begin, ":8000")
    until(lambda: b"hello" in get(port), what="the server is there", within_s=PATIENCE_S)
    before_kb = resident_kb(board.pid)
    with socket.create_connection(("127.0.0.1", port), PATIENCE_S) as slow:
        slow.sendall(b"GET /big HTTP/1.0\r\n\r\n")
        total = 0
        with socket.create_connection(("127.0.0.1", port), PATIENCE_S) as fast:
            fast.sendall(b"GET /big HTTP/1.0\r\n\r\n")
            while data := fast.recv(1 << 20):
                total += len(data)
        assert total > 200 << 20
        assert resident_kb(board.pid) - before_kb < 8 * 1024


def resident_kb(pid: int) -> int:
    text = Path(f"/proc/{pid}/status").read_text()
    return int(text.partition("VmRSS:")[2].split()[0])


# ---- cp


def test_files_and_directories_go_there_and_back(board: AgentUnderTest, tmp_path: Path) -> None:
    board.apply(pod("web", container("main", IDLE)))
    running(board)
    big = os.urandom(50 << 20)
    (tmp_path / "big").write_bytes(big)
    board.cli("cp", str(tmp_path / "big"), "web:/tmp/large")
    board.cli("cp", "default/web:/tmp/large", str(tmp_path / "back"))
    assert (tmp_path / "back").read_bytes() == big
    tree = tmp_path / "tree"
    (tree / "deep").mkdir(parents=True)
    (tree / "run").write_text("#!/bin/sh\necho ran\n")
    (tree / "run").chmod(0o755)
    (tree / "deep" / "link").symlink_to("../run")
    board.cli("cp", str(tree), "web:/tmp")
    board.cli("cp", "--no-preserve", str(tree), "web:/tmp/other", "-c", "main")
    assert inside(board, "/tmp/tree/run; readlink /tmp/tree/deep/link; ls /tmp/other") == "ran\n../run\ndeep\nrun\n"
    done = board.cli("cp", "web:/tmp/tree", str(tmp_path / "again"))
    assert (tmp_path / "again" / "run").stat().st_mode & 0o777 == 0o755
    assert done.stderr == f'warning: skipping symlink: "{tmp_path}/again/deep/link" -> "../run"\n'
    missing = board.cli("cp", "web:/tmp/nothing", str(tmp_path / "x"), check=False)
    assert missing.returncode == 1
    assert missing.stderr.endswith("error: command terminated with exit code 1\n")


def test_a_hostile_container_gets_nowhere_but_into_the_target(board: AgentUnderTest, tmp_path: Path) -> None:
    """Its tar is whatever it likes: here one that sends a prepared archive."""
    script = (
        "cd /tmp; mkdir -p a; echo evil >evil; ln -s / a/root; busybox tar cf a.tar a evil; rm /bin/tar;"
        "printf '#!/bin/sh\\nexec cat /tmp/a.tar\\n' >/bin/tar; chmod 755 /bin/tar; touch ready;"
    )
    board.apply(pod("web", container("main", f"{script} {IDLE}")))
    running(board)
    until(lambda: "ready" in inside(board, "ls /tmp"), what="it is prepared")
    target = tmp_path / "home" / "target"
    done = board.cli("cp", "web:a", str(target), check=False)
    assert done.returncode == 1
    assert done.stderr.endswith('error: tar contents corrupted: "evil" is not below "a"\n')
    assert {str(one.relative_to(tmp_path)) for one in tmp_path.rglob("*")} <= {"home", "home/target"}


def test_an_agent_that_is_killed_in_the_midst_of_a_copy_is_told_and_leaves_no_process(
    board: AgentUnderTest, begin: Begin, tmp_path: Path
) -> None:
    board.apply(pod("web", container("main", IDLE)))
    running(board)
    os.mkfifo(tmp_path / "slow")
    # tar of the container reads on as long as we do not end the archive: /dev/zero has no end
    command = begin("exec", "-i", "web", "--", "tar", "xf", "-", "-C", "/tmp")
    outward = begin("cp", "web:/dev/zero", str(tmp_path / "zero"))
    endless = begin("exec", "web", "--", "cat", "/dev/zero")
    reading = threading.Thread(target=drain, args=(endless,), daemon=True)
    reading.start()
    until(lambda: "tar xf" in inside(board, "ps"), what="it runs")
    assert outward.ends()[0] in {0, 1}  # a device is no file: skipped, and told
    board.kill()
    code, _, err = command.ends()
    assert (code, "agent" in err) == (1, True), err
    restart(board)
    until(lambda: not {"tar", "cat"} & set(inside(board, "ps -o comm").split()), what="nothing is left")


def drain(command: Command) -> None:
    assert command.process.stdout is not None
    while os.read(command.process.stdout.fileno(), 65536):
        pass
