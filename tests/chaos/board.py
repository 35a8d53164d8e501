"""The board under chaos: an agent, a broker and a registry in namespaces of their own, and a disk of its own.

Only for a process that scripts/chaos put into fresh mount, network, process and control group namespaces.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
import uuid
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from tests.chaos import processes, shim
from tests.chaos.processes import Pid
from tests.chaos.stranger import Stranger
from tests.fixtures.agent import AgentUnderTest, testbox_archive
from tests.fixtures.mosquitto import Mosquitto, free_port
from tests.fixtures.registry import Registry, running_registry

_DISK_BYTES = 600 * 1024 * 1024
_RUN_BYTES = 64 * 1024 * 1024
ROOT = "edgelet/v1/default/board/"
SETTINGS: dict[str, dict[str, Any]] = {
    "mqtt": {"keepalive_s": 5, "will_delay_s": 2, "reconnect_max_s": 3, "status_interval_s": 0.2},
    "podman": {"idle_exit_s": 1},
    # A full disk must lose nothing here, so no pod may have to go for it.
    "eviction": {"hard": dict.fromkeys(("nodefs.available", "imagefs.available"), "0%")},
    "workload": {
        "backoff_initial_s": 1.0,
        "backoff_max_s": 4.0,
        "image_backoff_initial_s": 1.0,
        "image_backoff_max_s": 4.0,
    },
}


def require_namespaces() -> None:
    """Refuse to run where a fault could reach anything else. Raises SystemExit."""
    if os.environ.get("EDGELET_CHAOS_INSIDE") != "yes" or "scripts/chaos" not in processes.arguments(1):
        raise SystemExit("error: this breaks things on purpose: start it by scripts/chaos, which walls it in")


class Board(AgentUnderTest):
    """An agent whose disk is a small ext4 of its own and whose run directories are tmpfs: it can be rebooted."""

    def __init__(self, *, directory: Path, broker_url: str, registry: str, sandbox: str, stranger: Stranger) -> None:
        super().__init__(broker_url=broker_url, settings={**SETTINGS, "network": {"sandbox": sandbox}})
        self.directory = directory
        self.stranger = stranger
        self.log_path = directory / "agent.log"
        image = directory / "disk.img"
        with image.open("wb") as file:
            file.truncate(_DISK_BYTES)
        _run("mkfs.ext4", "-q", "-m", "0", str(image))
        _run("mount", "-o", "loop", str(image), str(self.base))
        (self.base / "manifests").mkdir()
        self._write_settings()
        registries = directory / "registries.conf"
        registries.write_text(
            f'unqualified-search-registries = []\n[[registry]]\nlocation = "{registry}"\ninsecure = true\n'
        )
        self.shim = shim.Shim(directory)
        self.environment.update(self.shim.environment())
        self.environment["CONTAINERS_REGISTRIES_CONF"] = str(registries)
        self.link_cut = False  # by a rule that a reboot of the board must not mend
        self.power_on()

    def power_on(self) -> None:
        """Mount what is volatile on a board, and give this boot an id."""
        for one in ("run", "rr"):
            (self.base / one).mkdir(exist_ok=True)
            _run("mount", "-t", "tmpfs", "-o", f"size={_RUN_BYTES},mode=0700", "tmpfs", str(self.base / one))
        boot_id = self.directory / "boot_id"
        boot_id.write_text(f"{uuid.uuid4()}\n")
        _run("mount", "--bind", str(boot_id), "/proc/sys/kernel/random/boot_id")
        self.stranger.start()

    def power_off(self) -> None:
        """Kill everything that a board would lose: processes, mounts, namespaces, firewall, control groups."""
        self.kill()
        for _ in range(100):
            pids = self.processes()
            if not pids:
                break
            for pid in pids:
                with contextlib.suppress(OSError):
                    os.kill(pid, signal.SIGKILL)
            time.sleep(0.02)
        assert not self.processes(), self.processes()
        self._lose_mounts()
        self._lose_network()
        for group in cgroups():
            with contextlib.suppress(OSError):
                group.rmdir()

    def _lose_mounts(self) -> None:
        points = [line.split()[4] for line in Path("/proc/self/mountinfo").read_text().splitlines()]
        below = [
            one for one in points if one.startswith((f"{self.base}/", "/run/netns/")) or one.endswith("random/boot_id")
        ]
        for point in reversed(below):
            _run("umount", "-l", point, check=False)
        for folder in map(Path, ("/run/netns", "/run/runc", "/run/crun", "/run/containers")):
            for one in folder.iterdir():
                shutil.rmtree(one) if one.is_dir() else one.unlink()

    def _lose_network(self) -> None:
        for link in Path("/sys/class/net").iterdir():
            if link.name != "lo":
                _run("ip", "link", "del", link.name, check=False)
        for table in ("nat", "filter", "mangle"):
            for program in ("iptables", "ip6tables"):
                _run(program, "-t", table, "-F", check=False)
                _run(program, "-t", table, "-X", check=False)
        if not self.link_cut:
            _run("nft", "flush", "ruleset", check=False)

    def processes(self) -> list[Pid]:
        """Pids of engine, conmon, runtimes and containers: whatever is neither the harness nor below it."""
        ours, parents = {1, os.getpid()}, {}
        for pid in processes.pids():
            parents[pid] = processes.parent(pid)
        found = []
        for pid in parents:
            line, step = {pid}, pid
            while (step := parents.get(step, 0)) > 1:
                line.add(step)
            if not line & ours and not processes.zombie(pid):
                found.append(pid)
        return found

    @property
    def answers(self) -> bool:
        """Whether the agent runs and takes connections; what the broker retains may be from the one before."""
        with contextlib.closing(socket.socket(socket.AF_UNIX)) as probe:
            return self.alive and probe.connect_ex(str(self.socket)) == 0

    def disk_free(self) -> int:
        """Bytes free on the board's disk."""
        return shutil.disk_usage(self.base).free

    @property
    def database(self) -> Path:
        return self.base / "state" / "edgelet.db"


class Site:
    """Board, broker and registry."""

    def __init__(self, *, sandbox: str) -> None:
        self._sandbox = sandbox
        self.directory = Path(tempfile.mkdtemp(prefix="el-chaos-", dir="/tmp"))
        self._stack = contextlib.ExitStack()
        self.image_ids: dict[str, str] = {}  # by reference

    def __enter__(self) -> Self:
        self.board_port = free_port()  # the agent's own way to the broker: it can be cut without cutting ours
        self.broker = Mosquitto(self.directory, options=(f"listener {self.board_port} 127.0.0.1",))
        self._stack.enter_context(self.broker)
        self.registry: Registry = self._stack.enter_context(running_registry(locked=False))
        self.board = Board(
            directory=self.directory,
            broker_url=f"mqtt://127.0.0.1:{self.board_port}",
            registry=self.registry.address,
            sandbox=self._sandbox,
            stranger=Stranger(),
        )
        self.board.start()
        self._fill_registry()
        return self

    def image(self, tag: int) -> str:
        """Reference of one of two images."""
        return f"{self.registry.address}/testbox:{tag}"

    def cut_link(self) -> None:
        """Drop every packet between agent and broker, both ways."""
        self.board.link_cut = True
        for direction in ("--sport", "--dport"):
            _run("iptables", "-w", "-t", "raw", "-A", "OUTPUT", *self._link(direction))

    def mend_link(self) -> None:
        """Let packets pass again; calling it twice does nothing."""
        self.board.link_cut = False
        for direction in ("--sport", "--dport"):
            _run("iptables", "-w", "-t", "raw", "-D", "OUTPUT", *self._link(direction), check=False)

    def cut_registry(self, how: str) -> None:
        """Let no connection to the registry be: DROP or REJECT."""
        _run("iptables", "-w", "-A", "OUTPUT", *self._registry(how))

    def mend_registry(self, how: str) -> None:
        """Let it be reached again."""
        _run("iptables", "-w", "-D", "OUTPUT", *self._registry(how), check=False)

    def _registry(self, how: str) -> tuple[str, ...]:
        return ("-o", "lo", "-p", "tcp", "--dport", self.registry.address.rpartition(":")[2], "-j", how)

    def _link(self, direction: str) -> tuple[str, ...]:
        return ("-o", "lo", "-p", "tcp", direction, str(self.board_port), "-j", "DROP")

    def _fill_registry(self) -> None:
        self.board.podman("load", "--quiet", "--input", str(testbox_archive()), timeout_s=120)
        template = self.board.podman("create", "localhost/testbox:1")
        for tag in (1, 2):
            made = self.board.podman("commit", "--quiet", "--change", f"LABEL number={tag}", template, self.image(tag))
            self.image_ids[self.image(tag)] = made.split()[-1]
            self.board.podman("push", "--quiet", "--tls-verify=false", self.image(tag), timeout_s=120)
        self.board.podman("rm", template)
        self.board.podman("rmi", "--all", "--force")

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.board.power_off()
        self._stack.__exit__(kind, error, trace)
        _run("umount", "-l", str(self.board.base), check=False)
        shutil.rmtree(self.board.base)
        self.board.stranger.close()


def cgroups() -> list[Path]:
    """Return all control groups below our own roots, children before parents."""
    found: list[Path] = []
    for folder, children, _ in os.walk("/sys/fs/cgroup", topdown=False):
        found += [Path(folder, one) for one in children if (Path(folder) / one / "cgroup.procs").exists()]
    tops = {Path("/sys/fs/cgroup") / one.parts[4] for one in found} if Path("/sys/fs/cgroup/memory").exists() else set()
    return [one for one in found if one not in tops and not one.is_symlink()]


def _run(*argv: str, check: bool = True) -> None:
    done = subprocess.run(argv, capture_output=True, text=True, check=False)
    if check and done.returncode:
        raise AssertionError(f"{' '.join(argv)}: {done.returncode}: {done.stderr}")
