"""A fact in a file beside the database."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from edgelet.adapters.host.fact_file import FactFile
from edgelet.api.errors import StorageError
from tests.fakes.object_store import FakeLedger

NAME = "records"


async def test_what_never_was_is_none_and_what_was_written_is_read_without_the_database(tmp_path: Path) -> None:
    path = tmp_path / "records"
    assert FactFile(path, FakeLedger()).read(NAME) is None
    file = FactFile(path, FakeLedger())
    for value in (b"one", b"", b"two\nlines\n"):
        await file.write(NAME, value)
        assert FactFile(path, FakeLedger()).read(NAME) == value
    assert [one.name for one in tmp_path.iterdir()] == ["records"]
    assert path.stat().st_mode & 0o777 == 0o600


async def test_one_that_is_gone_is_not_taken_for_one_that_never_was(tmp_path: Path) -> None:
    path, ledger = tmp_path / "records", FakeLedger()
    await FactFile(path, ledger).write(NAME, b"one")
    path.unlink()
    with pytest.raises(StorageError, match="it is gone"):
        FactFile(path, ledger).read(NAME)


async def test_what_lies_in_the_database_counts_until_the_first_write_moves_it(tmp_path: Path) -> None:
    path, ledger = tmp_path / "records", FakeLedger()
    await ledger.write(NAME, b"of before")
    assert FactFile(path, ledger).read(NAME) == b"of before"
    await FactFile(path, ledger).write(NAME, b"one")
    assert FactFile(path, ledger).read(NAME) == b"one"
    path.unlink()
    with pytest.raises(StorageError, match="it is gone"):
        FactFile(path, ledger).read(NAME)


@pytest.mark.parametrize("content", [b"", b"one", b"\0" * 200])
async def test_one_that_is_damaged_is_told(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "records"
    path.write_bytes(content)
    with pytest.raises(StorageError, match="damaged"):
        FactFile(path, FakeLedger()).read(NAME)


async def test_each_byte_counts(tmp_path: Path) -> None:
    path = tmp_path / "records"
    await FactFile(path, FakeLedger()).write(NAME, b"one")
    whole = path.read_bytes()
    for at in range(len(whole)):
        path.write_bytes(whole[:at] + bytes((whole[at] ^ 1,)) + whole[at + 1 :])
        with pytest.raises(StorageError, match="damaged"):
            FactFile(path, FakeLedger()).read(NAME)


async def test_a_disk_that_refuses_leaves_what_was_there(tmp_path: Path) -> None:
    path = tmp_path / "records"
    file = FactFile(path, FakeLedger())
    await file.write(NAME, b"one")
    (tmp_path / "records.new").mkdir()
    with pytest.raises(StorageError, match="cannot write"):
        await file.write(NAME, b"two")
    assert file.read(NAME) == b"one"


async def test_of_many_at_once_the_last_stays(tmp_path: Path) -> None:
    file = FactFile(tmp_path / "records", FakeLedger())
    values = [str(number).encode() for number in range(40)]
    await asyncio.gather(*(file.write(NAME, value) for value in values))
    assert file.read(NAME) == values[-1]
