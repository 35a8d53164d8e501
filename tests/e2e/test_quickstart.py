"""The README's first command, as a stranger runs it: real broker, real Podman, the real agent; then nothing is left."""

from __future__ import annotations

import json
import os
import re
import shlex
import signal
import subprocess
import time
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from edgelet.adapters.nftables import ruleset
from scripts.demo import clean_up, engine, processes
from scripts.demo.place import Place

pytestmark = [pytest.mark.podman, pytest.mark.mosquitto, pytest.mark.slow]

ROOT = Path(__file__).parents[2]
TIMEOUT_S = 120.0


class Run:
    """One quickstart under way, its output in a file."""

    def __init__(self, log: Path, *options: str, environment: Mapping[str, str] | None = None) -> None:
        self._log = log
        with log.open("wb") as sink:
            self.process = subprocess.Popen(
                ("scripts/quickstart", *options),
                cwd=ROOT,
                stdin=subprocess.DEVNULL,
                stdout=sink,
                stderr=sink,
                env={**os.environ, "COLUMNS": "200", **(environment or {})},
            )

    @property
    def text(self) -> str:
        return self._log.read_text(errors="replace")

    @property
    def base(self) -> Path:
        """The directory that it said it works in."""
        found = re.search(r"Everything lies in (/tmp/edgelet-demo-\w+)\.", self.text)
        assert found, self.text
        return Path(found[1])

    def place(self) -> Place:
        values = json.loads((self.base / "demo.json").read_text())
        return Place(**{**values, "base": self.base})

    def wait(self) -> int:
        return self.process.wait(timeout=TIMEOUT_S)

    def wait_for(self, words: str) -> None:
        deadline = time.monotonic() + TIMEOUT_S
        while words not in self.text:
            assert self.process.poll() is None, self.text
            assert time.monotonic() < deadline, self.text
            time.sleep(0.05)


def remains(base: Path) -> list[str]:
    """Name what is left of a demonstration, by its directory and its bridge."""
    links = subprocess.run(("ip", "-o", "link"), capture_output=True, text=True, check=True).stdout
    bridge = base.name.replace("edgelet-demo-", "eldemo-")
    tables = subprocess.run(("nft", "list", "tables"), capture_output=True, text=True, check=True).stdout
    return [
        *(f"process {pid}" for pid in processes.naming(f"{base}/")),
        *clean_up.mounts_below(base),
        *([f"bridge {bridge}"] if bridge in links else []),
        *([f"table of {bridge}"] if ruleset.table_name(bridge) in tables.split() else []),
        *([f"directory {base}"] if base.exists() else []),
    ]


def clean(base: Path) -> str:
    done = subprocess.run(
        ("scripts/quickstart", "--clean", str(base)),
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=TIMEOUT_S,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture
def runs() -> Iterator[list[Run]]:
    """Runs that a failing test leaves are ended and removed."""
    started: list[Run] = []
    yield started
    for run in started:
        if run.process.poll() is None:
            run.process.kill()
            run.process.wait()
        if "Everything lies in" in run.text and run.base.exists():
            clean(run.base)


def test_two_at_once_show_everything_and_leave_nothing(tmp_path: Path, runs: list[Run]) -> None:
    runs += [Run(tmp_path / "first"), Run(tmp_path / "second")]
    for run in runs:
        assert run.wait() == 0, run.text
        assert "mosquitto_pub -q 1 -r -t edgelet/v1/default/demo/desired/pods/default/web" in run.text
        assert "Hello from web on demo: page" in run.text
        assert re.search(r"^web +2/2 +Running +0 ", run.text, re.MULTILINE), run.text
        assert re.search(r"^web +\d+m +\d+Mi", run.text, re.MULTILINE), run.text
        assert "the server says: " in run.text
        assert "127.0.0.1]" in run.text  # the server saw the sidecar come over the shared loopback
        assert remains(run.base) == []
    assert runs[0].base != runs[1].base


def test_kept_one_can_be_looked_at_and_is_cleaned_on_request(tmp_path: Path, runs: list[Run]) -> None:
    runs.append(run := Run(tmp_path / "log", "--keep"))
    assert run.wait() == 0, run.text
    place = run.place()
    environment = {**os.environ, "EDGELET_SOCKET": str(place.api_socket)}
    pods = subprocess.run(
        (ROOT / ".venv/bin/edgelet", "get", "pods", "-o", "name"), env=environment, capture_output=True, check=True
    )
    assert pods.stdout == b"pod/web\n"
    containers = engine.podman(place, "ps", "-q").stdout.split()
    assert len(containers) in {2, 3}  # server, sidecar; infra where namespaces are not pinned
    assert f"removed {run.base}" in clean(run.base)
    assert remains(run.base) == []
    assert "Nothing is left" in clean(run.base)


def test_the_secure_one_shows_a_board_as_in_the_field_and_leaves_nothing(tmp_path: Path, runs: list[Run]) -> None:
    runs.append(run := Run(tmp_path / "log", "--secure"))
    assert run.wait() == 0, run.text
    assert "edgelet1." in run.text
    assert "Hello from web on demo: page" in run.text
    assert re.search(r"^certificate [0-9a-f]{16,} of default/demo is good until ", run.text, re.MULTILINE), run.text
    assert "desired/pods/default/web: its signature does not hold" in run.text
    assert "forged" not in run.text
    assert remains(run.base) == []


def test_a_secure_one_that_is_kept_can_be_looked_at_and_one_that_is_killed_is_cleaned(
    tmp_path: Path, runs: list[Run]
) -> None:
    runs.append(run := Run(tmp_path / "kept", "--secure", "--keep"))
    assert run.wait() == 0, run.text
    listen = re.search(r"^  (mosquitto_sub .*)$", run.text, re.MULTILINE)
    assert listen, run.text
    words = (*shlex.split(listen[1]), "-C", "1", "-W", "20")
    heard = subprocess.run(words, capture_output=True, text=True, timeout=60, check=True).stdout
    assert heard.startswith("edgelet/v1/default/demo/"), heard
    assert f"removed {run.base}" in clean(run.base)
    runs.append(killed := Run(tmp_path / "killed", "--secure"))
    killed.wait_for("The agent: edgelet agent")
    killed.process.kill()
    killed.wait()
    clean(killed.base)
    assert [remains(one.base) for one in (run, killed)] == [[], []]


@pytest.mark.parametrize("moment", ["A broker", "The agent", "mosquitto_pub", "Running and Ready"])
def test_interrupt_leaves_nothing(moment: str, tmp_path: Path, runs: list[Run]) -> None:
    runs.append(run := Run(tmp_path / "log"))
    run.wait_for(moment)
    run.process.send_signal(signal.SIGINT)
    assert run.wait() == 130, run.text
    assert "interrupted" in run.text
    assert remains(run.base) == []


@pytest.mark.parametrize("agent_too", [False, True])
def test_killed_one_is_cleaned_by_the_next_clean(tmp_path: Path, runs: list[Run], *, agent_too: bool) -> None:
    runs.append(run := Run(tmp_path / "log"))
    run.wait_for("Running and Ready")
    run.process.kill()
    run.wait()
    if agent_too:
        os.kill(int(run.place().agent_pid.read_text().split()[0]), signal.SIGKILL)
    assert remains(run.base) != []
    clean(run.base)
    assert remains(run.base) == []


def test_broker_that_does_not_start_is_explained(tmp_path: Path, runs: list[Run]) -> None:
    broken = tmp_path / "mosquitto"
    broken.write_text("#!/bin/sh\necho 'cannot have this port' >&2\nexit 1\n")
    broken.chmod(0o755)
    runs.append(run := Run(tmp_path / "log", environment={"PATH": f"{tmp_path}:{os.environ['PATH']}"}))
    assert run.wait() == 1
    assert "error: mosquitto does not start: cannot have this port" in run.text
    assert "Is mosquitto 2.0 or newer installed?" in run.text
    assert remains(run.base) == []


def test_engine_that_does_not_work_is_explained_with_the_log_of_the_agent(tmp_path: Path, runs: list[Run]) -> None:
    broken = tmp_path / "podman"
    broken.write_text("#!/bin/sh\nexit 125\n")
    broken.chmod(0o755)
    environment = {"PATH": f"{tmp_path}:{os.environ['PATH']}", "EDGELET_DEMO_AGENT_S": "5"}
    runs.append(run := Run(tmp_path / "log", environment=environment))
    assert run.wait() == 1
    assert "tail agent.log" in run.text
    assert "EngineUnavailable" in run.text
    assert "podman" in run.text.partition("error:")[2]
    assert remains(run.base) == []
