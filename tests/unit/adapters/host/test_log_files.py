from __future__ import annotations

import asyncio
import shutil
from contextlib import aclosing
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edgelet.adapters.host import log_tail
from edgelet.adapters.host.log_files import HostLogFiles, LogFollower
from edgelet.adapters.host.log_lines import LineWriter
from edgelet.api.errors import EdgeletError
from edgelet.ports.log_files import LogView
from edgelet.ports.runtime import PodRef

POD = PodRef(uid="u1", namespace="default", name="web")
ALL = LogView()


class Log:
    """A container's log as conmon writes it."""

    def __init__(self, root: Path) -> None:
        self.folder = root / "default_web_u1" / "app"
        self.folder.mkdir(parents=True)
        self.path = self.folder / "0.log"
        self._second = 0

    def add(self, text: str, *, stream: str = "stdout", tag: str = "F") -> None:
        with self.path.open("a") as file:
            file.write(f"2026-01-02T03:04:{self._second:02}.123456789+00:00 {stream} {tag} {text}\n")
        self._second = (self._second + 1) % 60


@pytest.fixture
def log(tmp_path: Path) -> Log:
    return Log(tmp_path)


@pytest.fixture
def files(tmp_path: Path) -> HostLogFiles:
    return HostLogFiles(tmp_path)


async def text(files: HostLogFiles, view: LogView = ALL) -> str:
    return b"".join([chunk async for chunk in files.read(POD, "app", 0, view=view)]).decode()


async def test_parts_of_a_line_are_joined_even_between_the_lines_of_the_other_stream(
    files: HostLogFiles, log: Log
) -> None:
    log.add("he", tag="P")
    log.add("oops", stream="stderr")
    log.add("llo")
    log.add("")
    assert await text(files) == "oops\nhello\n\n"


async def test_a_line_that_never_ended_is_given_at_the_end(files: HostLogFiles, log: Log) -> None:
    log.add("one")
    log.add("prompt> ", tag="P")
    assert await text(files) == "one\nprompt> "


async def test_the_tail_counts_joined_lines(files: HostLogFiles, log: Log) -> None:
    for number in range(5):
        log.add(f"a{number}", tag="P")
        log.add(f"b{number}")
    assert await text(files, LogView(tail_lines=2)) == "a3b3\na4b4\n"
    assert await text(files, LogView(tail_lines=0)) == ""
    assert await text(files, LogView(tail_lines=99)) == "".join(f"a{n}b{n}\n" for n in range(5))


async def test_lines_are_chosen_by_time_and_stream_and_shown_with_their_time(files: HostLogFiles, log: Log) -> None:
    log.add("early")
    log.add("late")
    log.add("bad", stream="stderr")
    since = LogView(since=datetime(2026, 1, 2, 3, 4, 1, tzinfo=UTC), timestamps=True)
    assert await text(files, since) == ("2026-01-02T03:04:01.123456789Z late\n2026-01-02T03:04:02.123456789Z bad\n")
    assert await text(files, LogView(stream="Stderr")) == "bad\n"


async def test_output_is_cut_at_its_bound(files: HostLogFiles, log: Log) -> None:
    log.add("12345")
    log.add("67890")
    assert await text(files, LogView(limit_bytes=8)) == "12345\n67"


async def test_a_log_that_is_not_there_is_empty_and_a_name_is_no_path(files: HostLogFiles, log: Log) -> None:
    assert await text(files) == ""
    assert not files.exists(POD, "app", 0)
    log.path.parent.parent.joinpath("secret").mkdir()
    with pytest.raises(EdgeletError, match="no such name"):
        files.exists(POD, "../secret", 0)


async def test_a_log_that_is_a_symlink_is_not_followed(files: HostLogFiles, log: Log, tmp_path: Path) -> None:
    (tmp_path / "shadow").write_text("root")
    log.path.symlink_to(tmp_path / "shadow")
    with pytest.raises(EdgeletError, match="cannot read the log"):
        await text(files)


async def test_following_gives_what_is_added_through_a_rotation_and_ends_with_the_container(
    files: HostLogFiles, log: Log
) -> None:
    lives = True
    log.add("first")
    async with asyncio.timeout(5), aclosing(files.read(POD, "app", 0, view=ALL, alive=lambda: lives)) as chunks:
        assert await anext(chunks) == b"first\n"
        log.add("second")
        assert await anext(chunks) == b"second\n"
        log.path.rename(log.folder / "0.log.1")
        log.add("third")
        assert await anext(chunks) == b"third\n"
        log.path.rename(log.folder / "0.log.2")
        log.add("fourth")
        lives = False
        assert [chunk async for chunk in chunks] == [b"fourth\n"]


async def test_following_waits_for_a_file_that_is_not_there_yet(files: HostLogFiles, log: Log) -> None:
    async with asyncio.timeout(5), aclosing(files.read(POD, "app", 0, view=ALL, alive=lambda: True)) as chunks:
        first = asyncio.ensure_future(anext(chunks))
        await asyncio.sleep(0.05)
        log.add("hello")
        assert await first == b"hello\n"


async def test_following_a_tail_of_nothing_gives_only_what_is_new(files: HostLogFiles, log: Log) -> None:
    log.add("old")
    view = LogView(tail_lines=0)
    async with asyncio.timeout(5), aclosing(files.read(POD, "app", 0, view=view, alive=lambda: True)) as chunks:
        first = asyncio.ensure_future(anext(chunks))
        await asyncio.sleep(0.05)
        log.add("new")
        assert await first == b"new\n"


async def test_a_log_emptied_in_place_is_read_from_its_start(files: HostLogFiles, log: Log) -> None:
    log.add("a long first line")
    async with asyncio.timeout(5), aclosing(files.read(POD, "app", 0, view=ALL, alive=lambda: True)) as chunks:
        await anext(chunks)
        log.path.write_text("")
        log.add("new")
        assert await anext(chunks) == b"new\n"


def test_a_line_without_end_is_given_in_pieces_and_held_in_bounds() -> None:
    writer = LineWriter(LogView(timestamps=True))
    piece = b"2026-01-02T03:04:05.1+00:00 stdout P " + b"x" * 16384
    given_bytes = sum(len(writer.write([piece])) for _ in range(100))
    assert given_bytes > 1_500_000
    assert writer.write([b"2026-01-02T03:04:05.1+00:00 stdout F end"]).count(b"2026") == 0


def test_times_of_other_zones_are_shown_in_utc() -> None:
    writer = LineWriter(LogView(timestamps=True))
    line = b"2026-01-02T01:04:05.123456789+02:00 stdout F hi"
    assert writer.write([line]) == b"2026-01-01T23:04:05.123456789Z hi\n"
    assert writer.write([b"2026 stdout F odd"]) == b"2026 odd\n"
    assert writer.write([b"no log line at all"]) == b"no log line at all\n"
    beyond = b"0001-01-01T00:00:00.1+02:00 stdout F before all time"
    assert writer.write([beyond]) == beyond.replace(b"stdout F ", b"") + b"\n"


@pytest.fixture(scope="module")
def scratch(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("tail")


ENTRY = st.tuples(st.sampled_from("FFP"), st.text(alphabet="ab é", max_size=30))


@settings(max_examples=150, deadline=None)
@given(entries=st.lists(ENTRY, max_size=30), lines=st.integers(0, 12), block=st.integers(1, 90))
def test_the_tail_is_the_end_of_the_whole(
    entries: list[tuple[str, str]], lines: int, block: int, scratch: Path
) -> None:
    path = scratch / "x.log"
    path.write_bytes(b"".join(f"t stdout {tag} {text}\n".encode() for tag, text in entries))

    def shown(data: bytes) -> list[bytes]:
        writer = LineWriter(ALL)
        out = writer.write(data.split(b"\n")[:-1])
        rest = writer.rest()
        return [*out.split(b"\n")[:-1], *([rest] if entries and entries[-1][0] == "P" and data else [])]

    with pytest.MonkeyPatch.context() as patch, path.open("rb") as file:
        patch.setattr(log_tail, "BLOCK_BYTES", block)
        offset, missing = log_tail.tail_place(file.fileno(), lines)
    data = path.read_bytes()
    whole = shown(data)
    assert shown(data[offset:]) == (whole[-lines:] if lines else [])
    assert missing == max(0, lines - len(whole))


@settings(max_examples=100, deadline=None)
@given(sizes=st.lists(st.integers(0, 6), min_size=1, max_size=5), lines=st.integers(0, 20))
async def test_a_log_reads_the_same_in_parts_as_in_one(sizes: list[int], lines: int, scratch: Path) -> None:
    folder = scratch / "default_web_u1" / "app"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    numbers = iter(range(100))
    texts = [[f"line {next(numbers)}" for _ in range(size)] for size in sizes]
    for index, part in enumerate(texts):
        name = "0.log" if index == len(texts) - 1 else f"0.log.{index + 8}"  # 8 9 10 11: by number, not by text
        (folder / name).write_text("".join(f"2026-01-02T03:04:05.1Z stdout F {one}\n" for one in part))
    whole = [one for part in texts for one in part]
    files = HostLogFiles(scratch)
    assert (await text(files)).splitlines() == whole
    assert (await text(files, LogView(tail_lines=lines))).splitlines() == (whole[-lines:] if lines else [])


async def test_a_follower_that_is_slow_misses_no_part(files: HostLogFiles, log: Log) -> None:
    lives = True
    log.add("0")
    async with asyncio.timeout(5), aclosing(files.read(POD, "app", 0, view=ALL, alive=lambda: lives)) as chunks:
        seen = await anext(chunks)
        for number in range(1, 4):
            log.path.rename(log.folder / f"0.log.{number}")
            log.add(str(number))
        (log.folder / "0.log.1").unlink()  # the one it has open
        lives = False
        assert seen + b"".join([chunk async for chunk in chunks]) == b"0\n1\n2\n3\n"


# ---- what is added from now on


async def test_a_follower_begins_at_the_end_and_waits_for_no_line(log: Log) -> None:
    log.add("before")
    follower = LogFollower(log.path)
    lives = True
    entries = follower.entries(lambda: lives)
    log.add("prompt> ", tag="P")
    assert (await anext(entries))[0].endswith(b" stdout P prompt> ")
    log.add("oops", stream="stderr")
    assert (await anext(entries))[0].endswith(b" stderr F oops")
    log.add("last")
    lives = False
    assert [line.rpartition(b" ")[2] for block in [one async for one in entries] for line in block] == [b"last"]
    follower.close()


async def test_a_follower_goes_on_over_rotations_and_finds_a_log_that_comes_late(tmp_path: Path) -> None:
    path = tmp_path / "default_web_u1" / "app" / "0.log"
    follower = LogFollower(path)
    log = Log(tmp_path)
    lives = True
    entries = follower.entries(lambda: lives)
    log.add("one")
    assert (await anext(entries))[0].endswith(b"one")
    log.add("two")
    log.path.rename(log.path.with_name("0.log.1"))
    log.add("three")
    lives = False
    assert [line[-3:] for block in [one async for one in entries] for line in block] == [b"two", b"ree"]
    follower.close()
