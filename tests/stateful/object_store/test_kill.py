"""kill -9 at any instant: what was acknowledged is there, and versions never go back."""

from __future__ import annotations

import asyncio
import random
import sys
from dataclasses import dataclass, field
from pathlib import Path

from edgelet.ports.object_store import Key
from tests.stateful.object_store.child import open_store

_ROUNDS = 20


@dataclass
class Acknowledged:
    """What the child said before it died."""

    version: int = 0
    last: dict[str, str] = field(default_factory=dict)  # name of an object: its last acknowledged step
    facts: dict[str, tuple[int, int]] = field(default_factory=dict)

    def note(self, line: str) -> None:
        step, name, *numbers = line.split()
        if step == "fact":
            self.facts[name] = (int(numbers[0]), int(numbers[1]))
            return
        self.version = max(self.version, int(numbers[0]))
        if step != "volatile":
            self.last[name] = step


async def _killed_child(path: Path, round_: int, after_s: float, said: Acknowledged) -> None:
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "tests.stateful.object_store.child", "write", str(path), str(round_),
        stdout=asyncio.subprocess.PIPE,
    )  # fmt: skip
    assert process.stdout is not None
    said.note((await asyncio.wait_for(process.stdout.readline(), 30)).decode())
    await asyncio.sleep(after_s)
    process.kill()
    rest = await process.stdout.read()
    await process.wait()
    for line in rest.decode().splitlines(keepends=True):
        if line.endswith("\n"):
            said.note(line)


async def _check(path: Path, said: Acknowledged) -> None:
    store = open_store(path)
    try:
        assert store.damage is None
        assert store.resource_version >= said.version
        for name, step in said.last.items():
            found = store.get(Key("Pod", "default", name))
            if step == "removed":
                assert found is None, name
                continue
            # The next step, unacknowledged, may be on disk: a removal only follows a written fact.
            number = int(name.rpartition("n")[2])
            if found is None:
                assert number % 5 == 4, name
                continue
            assert step != "status" or found.document["status"] == {"phase": "Running"}
        for name, written in said.facts.items():
            fact = store.ledger.read(name)
            assert fact is not None
            assert tuple(map(int, fact.split())) >= written
    finally:
        await store.close()


async def test_everything_acknowledged_survives_twenty_kills(tmp_path: Path) -> None:
    path = tmp_path / "state.db"
    chance = random.Random(20260102)  # noqa: S311  instants, not secrets
    said = Acknowledged()
    for round_ in range(_ROUNDS):
        await _killed_child(path, round_, chance.uniform(0.0, 0.15), said)
        await _check(path, said)
    assert len(said.last) > _ROUNDS
