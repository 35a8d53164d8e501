"""Somebody else's Podman on the same board: a container with a network and a name server. Nobody may disturb it."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path

from tests.chaos import processes
from tests.fixtures.podman import BUSYBOX_IMAGE, busybox_tar, make_private_podman

_SERVE = "mkdir -p /www; echo stranger >/www/index.html; exec httpd -f -p 8080 -h /www"
_SERVES_ON = 8080
_NAME_SERVER = "aardvark-dns"
_CLEARED_AT_POWER_ON = ("rr", "t", "run")


class Stranger:
    """Its storage outlives a reboot of the board; its container is started again then."""

    def __init__(self) -> None:
        self._podman = make_private_podman()
        network = self._podman.base / "net" / f"{self._podman.network}.json"
        network.write_text(network.read_text().replace('"dns_enabled": false', '"dns_enabled": true'))
        tar = busybox_tar(self._podman.base / "busybox.tar")
        self._podman.run("import", str(tar), BUSYBOX_IMAGE)
        self.id, self._pid, self._born, self._address = "", 0, "", ""

    @property
    def base(self) -> Path:
        return self._podman.base

    @property
    def bridge(self) -> str:
        return self._podman.network

    @property
    def network(self) -> str:
        """Its network namespace, as the kernel calls it."""
        return str(Path(f"/proc/{self._pid}/ns/net").readlink()) if self._pid else ""

    def start(self) -> None:
        """Start its container on a board that has just been switched on."""
        for line in Path("/proc/self/mounts").read_text().splitlines():
            if line.split()[1].startswith(f"{self.base}/"):
                subprocess.run(("umount", "-l", line.split()[1]), capture_output=True, check=False)
        for name in _CLEARED_AT_POWER_ON:
            shutil.rmtree(self.base / name, ignore_errors=True)
            (self.base / name).mkdir(mode=0o700)
        self._podman.run("rm", "--all", "--force", "--time", "0")
        self.id = self._podman.run("run", "--detach", "--name", "web", BUSYBOX_IMAGE, "/bin/sh", "-c", _SERVE)
        found = json.loads(self._podman.run("container", "inspect", self.id))[0]
        self._pid = int(found["State"]["Pid"])
        self._born = processes.born(self._pid)
        self._address = found["NetworkSettings"]["Networks"][self._podman.network]["IPAddress"]

    def owns(self, pid: int) -> bool:
        """Whether a process is its container, the monitor, or the name server."""
        argv = processes.arguments(pid)
        mine = self._pid in {pid, processes.parent(pid)} or str(self.base) in " ".join(argv)
        return mine or (bool(argv) and Path(argv[0]).name == _NAME_SERVER)  # our network has none

    def name_servers(self) -> list[int]:
        """Pids of netavark's name server: it answers for this network alone, ours has no names."""
        found = []
        for pid in processes.pids():
            argv = processes.arguments(pid)
            if argv and Path(argv[0]).name == _NAME_SERVER:
                found.append(pid)
        return found

    def complaints(self) -> list[str]:
        """Return what somebody did to it."""
        if processes.born(self._pid) != self._born:
            return ["the stranger's container is gone"]
        if (answer := processes.fetch(self._address, _SERVES_ON)) != "stranger\n":
            return [f"the stranger's container answers {answer!r}"]
        return []

    def close(self) -> None:
        """Remove its files; the board is off."""
        shutil.rmtree(self.base, ignore_errors=True)
