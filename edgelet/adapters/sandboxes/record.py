"""What is written down of a sandbox, before anything of it is made: one small file each, on tmpfs.

tmpfs is enough: a namespace does not outlive the boot, and so an address need not either. Every other death, of the
agent or of the engine, leaves the files, and the pods keep their addresses.
"""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from ipaddress import IPv4Address
from pathlib import Path
from typing import Any

from edgelet.ports.runtime import PodRef, PortMapping, SandboxSpec

_SUFFIX = ".json"


@dataclass(frozen=True, slots=True)
class Record:
    """One sandbox. `made` once everything of it was there; `address` None on the host's network."""

    id: str
    spec: SandboxSpec
    created_at: datetime
    boot_id: str
    address: IPv4Address | None = None
    made: bool = False

    def as_made(self) -> Record:
        """Return it, done."""
        return replace(self, made=True)


class Records:
    """The files of a directory; what is in them is known without reading them again."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._known: dict[str, Record] = {}
        if directory.exists():
            self._known = {each.id: each for each in _read_all(directory)}

    def every(self) -> tuple[Record, ...]:
        """Return all, oldest attempt first."""
        return tuple(sorted(self._known.values(), key=lambda each: (each.spec.pod.uid, each.spec.attempt, each.id)))

    def find(self, sandbox_id: str) -> Record | None:
        return self._known.get(sandbox_id)

    def keep(self, record: Record) -> None:
        """Write it, whole or not at all. Raises OSError."""
        self._directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        path = self._directory / f"{record.id}{_SUFFIX}"
        temporary = path.with_suffix(".new")
        temporary.write_text(json.dumps(_document(record), separators=(",", ":")))
        temporary.replace(path)
        self._known[record.id] = record

    def drop(self, sandbox_id: str) -> None:
        """Forget it. Raises OSError."""
        (self._directory / f"{sandbox_id}{_SUFFIX}").unlink(missing_ok=True)
        self._known.pop(sandbox_id, None)


def _read_all(directory: Path) -> Iterator[Record]:
    for path in directory.glob(f"*{_SUFFIX}"):
        with contextlib.suppress(OSError, ValueError, KeyError, TypeError):  # unreadable: swept like what has no file
            yield _parse(json.loads(path.read_text()))


def _document(record: Record) -> dict[str, Any]:
    return {
        "id": record.id,
        "createdAt": record.created_at.isoformat(),
        "bootId": record.boot_id,
        "address": str(record.address) if record.address else "",
        "made": record.made,
        "spec": asdict(record.spec),
    }


def _parse(document: dict[str, Any]) -> Record:
    return Record(
        id=str(document["id"]),
        spec=_spec(document["spec"]),
        created_at=datetime.fromisoformat(document["createdAt"]),
        boot_id=str(document["bootId"]),
        address=IPv4Address(document["address"]) if document["address"] else None,
        made=bool(document["made"]),
    )


def _spec(document: dict[str, Any]) -> SandboxSpec:
    known = {name: document[name] for name in SandboxSpec.__slots__ if name in document}
    known |= {name: tuple(known[name]) for name in ("dns_servers", "dns_searches", "dns_options") if name in known}
    known["pod"] = PodRef(**document["pod"])
    known["ports"] = tuple(PortMapping(**each) for each in document["ports"])
    return SandboxSpec(**known)
