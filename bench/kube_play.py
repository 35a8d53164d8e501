"""What edgelet is measured beside: `podman kube play` and `kube down` of the same file, on equal but own storage."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import tempfile
import time
import tomllib
from pathlib import Path
from types import TracebackType
from typing import Self

from bench.meter import Meter
from bench.pods import Document
from edgelet.adapters.podman import containers_conf
from tests.fixtures.agent import AgentUnderTest, testbox_archive

_BRIDGE = "elkube0"
_POOL = "10.127.200.0/24"
# The command goes onto the board's account before it begins.
_JOIN = 'echo $$ >"$0/cgroup.procs"; exec "$@"'


class KubePlay:
    """Podman's own command with the agent's engine settings: same driver, runtime, cgroup manager, limits, network."""

    def __init__(self, agent: AgentUnderTest, meter: Meter) -> None:
        self._meter = meter
        self._base = Path(tempfile.mkdtemp(prefix="el-k-", dir="/tmp"))
        self._file = self._base / "pod.json"
        (self._base / "net").mkdir()
        settings = tomllib.loads((agent.base / "run" / "podman" / "containers.conf").read_text())
        settings["engine"] |= {"tmp_dir": str(self._base / "t"), "image_copy_tmp_dir": str(self._base)}
        settings["network"] |= {"network_config_dir": str(self._base / "net"), "default_network": _BRIDGE}
        (self._base / "net" / f"{_BRIDGE}.json").write_text(containers_conf.network_document(_BRIDGE, _BRIDGE, _POOL))
        (self._base / "containers.conf").write_text(containers_conf.to_toml(settings))

    def __enter__(self) -> Self:
        self._podman("load", "--quiet", "--input", str(testbox_archive()))
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._podman("pod", "rm", "--all", "--force", "--time", "0")
        subprocess.run(("ip", "link", "del", _BRIDGE), capture_output=True, check=False)
        subprocess.run(("umount", "-l", str(self._base / "s" / "overlay")), capture_output=True, check=False)
        shutil.rmtree(self._base, ignore_errors=True)

    def play(self, document: Document) -> float:
        """Run a Pod; returns the monotonic time when the command ended."""
        self._file.write_text(json.dumps(document))
        return self._podman("kube", "play", str(self._file))

    def down(self, document: Document) -> float:
        """Remove it."""
        self._file.write_text(json.dumps(document))
        return self._podman("kube", "down", str(self._file))

    def _podman(self, *arguments: str) -> float:
        done = subprocess.run(
            (
                *("sh", "-c", _JOIN, str(self._meter.cgroup), "podman", "--root", str(self._base / "s")),
                *("--runroot", str(self._base / "rr"), "--tmpdir", str(self._base / "t"), *arguments),
            ),
            env={**os.environ, "CONTAINERS_CONF": str(self._base / "containers.conf")},
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        assert done.returncode == 0, f"podman {' '.join(arguments)}: {done.stderr}"
        return time.monotonic()
