"""Any order of writes, failures of the disk, crashes and restarts: memory and disk keep to a plain model."""

from __future__ import annotations

import asyncio
import shutil
import tempfile
from copy import deepcopy
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from edgelet.adapters.sqlite.batch import Writing
from edgelet.adapters.sqlite.store import SqliteStore
from edgelet.api.errors import StorageError
from edgelet.ports.object_store import Key, StoredObject
from tests.stateful.object_store.child import open_store

NAMES = st.sampled_from(["a", "b", "c"])
NUMBERS = st.integers(0, 3)


@dataclass
class Expected:
    """What one object must look like; `status_on_disk` is what a crash leaves of its status."""

    uid: str
    spec: int
    generation: int = 1
    deleting: bool = False
    status: int | None = None
    status_on_disk: int | None = None


class Crash:
    """Takes a copy of the files inside the writer thread: at the n-th statement of a transaction, or after it."""

    def __init__(self, store: SqliteStore, target: Path, statement: int) -> None:
        self._database = store._writer._database
        self._write = self._database.write
        self._target = target
        self._statement = statement
        self.taken = False

    def __enter__(self) -> Self:
        self._database.write = self._copying_write  # type: ignore[method-assign]
        return self

    def __exit__(self, *_: object) -> None:
        self._database.write = self._write  # type: ignore[method-assign]
        self._database._connection.set_trace_callback(None)

    def _copying_write(self, writing: Writing) -> None:
        self._database._connection.set_trace_callback(self._on_statement)
        self._write(writing)
        self._database._connection.set_trace_callback(None)
        self._copy()

    def _on_statement(self, _: str) -> None:
        self._statement -= 1
        if self._statement < 0:
            self._copy()

    def _copy(self) -> None:
        if not self.taken:
            self.taken = True
            copy_files(self._database.path, self._target)


def copy_files(path: Path, target: Path) -> None:
    target.mkdir()
    for suffix in ("", "-wal"):
        source = path.with_name(path.name + suffix)
        if source.exists():
            shutil.copyfile(source, target / source.name)


class StoreMachine(RuleBasedStateMachine):
    @initialize()
    def start(self) -> None:
        self.runner = asyncio.Runner()
        self.root = Path(tempfile.mkdtemp(prefix="el-store-"))
        self.lives = 0
        self.path = self.root / "0" / "state.db"
        self.store = open_store(self.path)
        self.expected: dict[str, Expected] = {}
        self.facts: dict[str, bytes] = {}
        self.version = 0

    def teardown(self) -> None:
        if hasattr(self, "runner"):
            self.runner.run(self.store.close())
            self.runner.close()
            shutil.rmtree(self.root)

    # ---- writes

    def put_in_model(self, name: str, spec: int, uid: str) -> None:
        old = self.expected.get(name)
        if old is None:
            self.expected[name] = Expected(uid, spec)
        elif old.spec != spec:
            old.spec = spec
            old.generation += 1
            old.status_on_disk = old.status

    @rule(names=st.lists(NAMES, min_size=1, max_size=5), spec=NUMBERS)
    def put_at_once(self, names: list[str], spec: int) -> None:
        async def go() -> list[StoredObject]:
            return await asyncio.gather(*(self.put(name, spec + n) for n, name in enumerate(names)))

        for n, (name, made) in enumerate(zip(names, self.runner.run(go()), strict=True)):
            self.put_in_model(name, spec + n, made.uid)

    async def put(self, name: str, spec: int) -> StoredObject:
        return await self.store.put(key(name), {"spec": {"n": spec, "padding": "x" * 900}}, source="mqtt")

    @rule(name=NAMES, status=NUMBERS, durable=st.booleans())
    def put_status(self, name: str, status: int, *, durable: bool) -> None:
        old = self.expected.get(name)
        uid = old.uid if old else "none"
        self.runner.run(self.store.put_status(key(name), {"n": status}, uid=uid, durable=durable))
        if old:
            old.status = status
            if durable:
                old.status_on_disk = status

    @rule(name=NAMES)
    def mark_deleted(self, name: str) -> None:
        old = self.expected.get(name)
        if old and not old.deleting:
            self.runner.run(self.store.mark_deleted(key(name), grace_s=30))
            old.deleting = True
            old.generation += 1
            old.status_on_disk = old.status

    @rule(name=NAMES)
    def remove(self, name: str) -> None:
        assert self.runner.run(self.store.remove(key(name))) == (name in self.expected)
        self.expected.pop(name, None)

    @rule(name=NAMES, value=st.binary(max_size=20))
    def write_fact(self, name: str, value: bytes) -> None:
        self.runner.run(self.store.ledger.write(name, value))
        self.facts[name] = value

    @rule(name=NAMES, status=NUMBERS)
    def use_up_the_promised_versions(self, name: str, status: int) -> None:
        old = self.expected.get(name)
        if old is None:
            return

        async def go() -> None:
            for n in range(600):
                await self.store.put_status(key(name), {"n": 10 + n}, uid=old.uid, durable=False)
            await self.store.put_status(key(name), {"n": status}, uid=old.uid, durable=False)

        self.runner.run(go())
        old.status = status

    # ---- misfortune

    @rule(name=NAMES, spec=NUMBERS, status=NUMBERS)
    def the_disk_refuses(self, name: str, spec: int, status: int) -> None:
        database = self.store._writer._database
        real = database.write

        def refuse(_: Writing) -> None:
            raise StorageError("cannot write: full")

        async def go() -> list[Any]:
            old = self.expected.get(name)
            calls = [
                self.put(name, spec),
                self.store.ledger.write("refused", b"never"),
                self.store.put_status(key(name), {"n": status}, uid=old.uid if old else "none", durable=False),
            ]
            return await asyncio.gather(*calls, return_exceptions=True)

        database.write = refuse  # type: ignore[method-assign, assignment]
        put, fact, volatile = self.runner.run(go())
        database.write = real  # type: ignore[method-assign]
        old = self.expected.get(name)
        assert isinstance(fact, StorageError)
        assert isinstance(put, StorageError) == (old is None or old.spec != spec)
        assert volatile is None or isinstance(volatile, StoredObject | StorageError)
        if old and isinstance(volatile, StoredObject):
            old.status = status

    @rule(names=st.lists(NAMES, min_size=1, max_size=3, unique=True), spec=NUMBERS, statement=st.integers(0, 6))
    def power_fails_while_writing(self, names: list[str], spec: int, statement: int) -> None:
        before = self.after_crash()
        target = self.root / str(self.lives + 1)
        with Crash(self.store, target, statement) as crash:
            self.put_at_once(names, spec)
            after = self.after_crash()
        if not crash.taken:
            copy_files(self.path, target)
        self.reopen(target / "state.db")
        # One transaction: all of it or nothing.
        assert self.on_disk() in (shown(before), shown(after))
        self.expected = before if self.on_disk() == shown(before) else after

    @rule()
    def power_fails(self) -> None:
        after = self.after_crash()
        target = self.root / str(self.lives + 1)
        copy_files(self.path, target)
        self.reopen(target / "state.db")
        self.expected = after

    @rule()
    def restart(self) -> None:
        after = self.after_crash()
        self.reopen(self.path)
        self.expected = after

    def after_crash(self) -> dict[str, Expected]:
        left = deepcopy(self.expected)
        for expected in left.values():
            expected.status = expected.status_on_disk
        return left

    def reopen(self, path: Path) -> None:
        self.lives += 1
        self.runner.run(self.store.close())
        self.path = path
        self.store = open_store(path)
        assert self.store.damage is None

    # ---- what must hold

    def on_disk(self) -> dict[str, Any]:
        return {
            found.key.name: (
                found.uid,
                found.document["spec"]["n"],
                found.generation,
                found.deleting,
                found.document.get("status", {}).get("n"),
            )
            for found in self.store.list("Pod")
        }

    @invariant()
    def memory_is_as_the_model(self) -> None:
        if hasattr(self, "store"):
            assert self.on_disk() == shown(self.expected)
            assert {name: self.store.ledger.read(name) for name in self.facts} == self.facts
            assert self.store.ledger.read("refused") is None

    @invariant()
    def versions_never_go_back(self) -> None:
        if hasattr(self, "store"):
            assert self.store.resource_version >= self.version
            self.version = self.store.resource_version
            for found in self.store.list("Pod"):
                assert found.document["metadata"]["resourceVersion"] == str(found.resource_version)
                assert found.resource_version <= self.version


def key(name: str) -> Key:
    return Key("Pod", "default", name)


def shown(expected: dict[str, Expected]) -> dict[str, Any]:
    return {name: (e.uid, e.spec, e.generation, e.deleting, e.status) for name, e in expected.items()}


TestStoreMachine = StoreMachine.TestCase
TestStoreMachine.settings = settings(max_examples=25, stateful_step_count=20, deadline=None)
