"""Processes that the tests kill, or that run out of disk. Usage: child.py write|fill PATH [NUMBER]."""

from __future__ import annotations

import asyncio
import resource
import signal
import sys
from datetime import UTC, datetime
from pathlib import Path

from edgelet.adapters.sqlite.store import SqliteStore
from edgelet.api.errors import StorageError
from edgelet.ports.object_store import Key

PADDING = "x" * 3000


class FixedClock:
    def now(self) -> datetime:
        return datetime(2026, 1, 2, tzinfo=UTC)

    def monotonic_s(self) -> float:
        return 0.0

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)


def open_store(path: Path) -> SqliteStore:
    return SqliteStore.open(path, clock=FixedClock(), max_objects=100_000, max_total_bytes=1 << 30)


def say(*words: object) -> None:
    """One unbuffered line: what was acknowledged is known outside before anything else happens."""
    sys.stdout.write(" ".join(map(str, words)) + "\n")
    sys.stdout.flush()


async def write(path: Path, round_: int) -> None:
    """Put, change and remove objects from three tasks for ever; say each acknowledged step and every version."""
    store = open_store(path)

    async def one(task: int) -> None:
        for n in range(1_000_000):
            key = Key("Pod", "default", f"r{round_}-t{task}-n{n}")
            made = await store.put(key, {"spec": {"padding": PADDING}}, source="mqtt")
            say("put", key.name, made.resource_version)
            seen = await store.put_status(key, {"phase": "Running"}, uid=made.uid, durable=n % 3 == 0)
            assert seen is not None
            say("status" if n % 3 == 0 else "volatile", key.name, seen.resource_version)
            await store.ledger.write(f"task-{task}", f"{round_} {n}".encode())
            say("fact", f"task-{task}", round_, n)
            if n % 5 == 4:
                await store.remove(key)
                say("removed", key.name, store.resource_version)

    await asyncio.gather(*(one(task) for task in range(3)))


async def fill(path: Path) -> None:
    """Write until the disk refuses, go on from memory, write again when there is room."""
    store = open_store(path)
    made = await store.put(Key("Pod", "default", "first"), {"spec": {}}, source="mqtt")
    kept = 1
    try:
        while True:
            await store.put(Key("Pod", "default", f"pod-{kept}"), {"spec": {"padding": PADDING}}, source="mqtt")
            kept += 1
    except StorageError as error:
        say("refused", error.reason, error)
    version = store.resource_version
    assert len(store.list("Pod")) == kept, "a refused write must leave no trace in memory"
    for n in range(3):
        outcomes = await asyncio.gather(
            store.put(Key("Pod", "default", f"late-{n}"), {"spec": {"padding": PADDING * 10}}, source="mqtt"),
            store.put(made.key, {"spec": {}}, source="mqtt"),
            store.put_status(made.key, {"n": n}, uid=made.uid, durable=False),
            return_exceptions=True,
        )
        assert isinstance(outcomes[0], StorageError), outcomes
        assert not any(isinstance(outcome, BaseException) for outcome in outcomes[1:]), outcomes
    assert store.resource_version == version + 3
    make_room(path)
    await store.put(Key("Pod", "default", "again"), {"spec": {"padding": PADDING * 10}}, source="mqtt")
    await store.put_status(made.key, {"n": 3}, uid=made.uid, durable=True)
    await store.close()

    store = open_store(path)
    assert store.damage is None
    assert len(store.list("Pod")) == kept + 1
    first = store.get(made.key)
    assert first is not None
    assert first.document["status"] == {"n": 3}
    await store.close()
    say("kept", kept + 1)


def make_room(path: Path) -> None:
    resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
    (path.parent / "ballast").unlink(missing_ok=True)


def main() -> None:
    mode, path = sys.argv[1], Path(sys.argv[2])
    if mode == "write":
        asyncio.run(write(path, int(sys.argv[3])))
    if mode == "fill":
        # A file that would grow beyond the limit is an error and no signal, as on a full disk.
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        limit = int(sys.argv[3])
        if limit:
            resource.setrlimit(resource.RLIMIT_FSIZE, (limit, resource.RLIM_INFINITY))
        else:
            (path.parent / "ballast").write_bytes(bytes(512 * 1024))
        asyncio.run(fill(path))


if __name__ == "__main__":
    main()
