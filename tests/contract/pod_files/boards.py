"""A board with pod files, fake or real, and the eyes and hands of a container on it."""

from __future__ import annotations

from pathlib import Path
from typing import Protocol

from edgelet.adapters.host.pod_files import HostPodFiles
from edgelet.ports.pod_files import PodFiles, PodPaths
from tests.fakes.pod_files import FakePodFiles


class Board(Protocol):
    """`files` under test, seen from outside. Names are relative to the host directory."""

    @property
    def files(self) -> PodFiles: ...

    def read(self, path: str) -> bytes | None: ...

    def write(self, path: str, data: bytes) -> None: ...

    def is_directory(self, path: str) -> bool: ...

    def host(self, name: str, kind: str | None = None) -> str:
        """Return a path of the node, made as Directory or File if `kind` says so."""
        ...


class FakeBoard:
    def __init__(self) -> None:
        self.files = FakePodFiles()

    def read(self, path: str) -> bytes | None:
        return self.files.files.get(path)

    def write(self, path: str, data: bytes) -> None:
        self.files.files[path] = data

    def is_directory(self, path: str) -> bool:
        return path in self.files.directories or self.files.host.get(path) == "Directory"

    def host(self, name: str, kind: str | None = None) -> str:
        if kind:
            self.files.host[f"/node/{name}"] = kind
        return f"/node/{name}"


class RealBoard:
    def __init__(self, root: Path) -> None:
        self._root = root
        hosts, resolv = root / "hosts", root / "resolv.conf"
        hosts.write_text("127.0.0.1\tlocalhost\n")
        resolv.write_text("nameserver 192.0.2.53\n")
        paths = PodPaths(run=str(root / "run"), volumes=str(root / "volumes"), logs=str(root / "logs"))
        self.files = HostPodFiles(paths, node_hosts_file=str(hosts), resolv_conf_file=str(resolv))

    def read(self, path: str) -> bytes | None:
        try:
            return Path(path).read_bytes()
        except FileNotFoundError:
            return None

    def write(self, path: str, data: bytes) -> None:
        Path(path).parent.mkdir(parents=True, exist_ok=True)
        Path(path).write_bytes(data)

    def is_directory(self, path: str) -> bool:
        return Path(path).is_dir()

    def host(self, name: str, kind: str | None = None) -> str:
        path = self._root / "node" / name
        path.parent.mkdir(exist_ok=True)
        if kind == "Directory":
            path.mkdir()
        elif kind == "File":
            path.touch()
        return str(path)
