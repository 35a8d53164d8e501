from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgelet.api.container import Container
from edgelet.pods import log_paths, termination_message
from edgelet.ports.pod_files import TerminationLog
from edgelet.ports.runtime import PodRef
from tests.fakes.pod_files import FakePodFiles
from tests.unit.pods.pod_documents import UID, pod

STAMP = b"2026-01-01T00:00:00.000000001Z stdout"


def cri(*lines: bytes, flag: bytes = b"F") -> bytes:
    return b"".join(b"%s %s %s\n" % (STAMP, flag, line) for line in lines)


async def read(*, file: bytes | None, log: bytes = b"", exit_code: int = 1, policy: str = "File", apps: int = 1) -> str:
    files = FakePodFiles()
    one = pod(*({"name": f"c{number}", "terminationMessagePolicy": policy} for number in range(apps)))
    path = files.paths.termination_log(UID, "c0", 0)
    if file is not None:
        await files.prepare(UID, [TerminationLog(path)])
        files.files[path] = file
    log_path = log_paths.file(files.paths.logs, PodRef(UID, "ns", "p"), "c0", 0)
    files.files[log_path] = log
    container = one.spec.containers[0]
    return await termination_message.read(files, container, pod=one, instance=0, exit_code=exit_code, log_path=log_path)


async def test_the_end_of_the_file_is_the_message() -> None:
    assert await read(file=b"bye") == "bye"
    assert await read(file=b"x" * 5000 + b"end") == "x" * 4093 + "end"


async def test_no_file_is_no_message() -> None:
    assert await read(file=None) == ""


@pytest.mark.parametrize(
    ("file", "exit_code", "policy", "expected"),
    [
        (b"", 1, "FallbackToLogsOnError", "DONE\n"),
        (None, 1, "FallbackToLogsOnError", "DONE\n"),
        (b"own", 1, "FallbackToLogsOnError", "own"),
        (b"", 0, "FallbackToLogsOnError", ""),
        (b"", 1, "File", ""),
    ],
)
async def test_the_log_stands_in_only_for_an_empty_file_of_a_failed_container(
    file: bytes | None, exit_code: int, policy: str, expected: str
) -> None:
    assert await read(file=file, log=cri(b"DONE"), exit_code=exit_code, policy=policy) == expected


async def test_many_containers_share_the_pods_12_kib() -> None:
    assert len(await read(file=b"x" * 5000, apps=4)) == 3072
    assert len(await read(file=b"x" * 5000, apps=12)) == 1024


async def test_what_is_no_utf8_is_shown_as_such() -> None:
    assert await read(file=b"a\xff") == "a\ufffd"


def test_the_last_80_lines_and_2_kib_of_a_log_count() -> None:
    lines = [b"%d" % number for number in range(200)]
    assert termination_message.from_log(cri(*lines)) == b"".join(b"%d\n" % number for number in range(120, 200))
    assert termination_message.from_log(cri(b"a" * 1500, b"b" * 1500)) == b"a" * 546 + b"\n" + b"b" * 1500 + b"\n"


def test_partial_lines_are_joined() -> None:
    assert termination_message.from_log(cri(b"a", b"b", flag=b"P") + cri(b"c")) == b"abc\n"


def test_a_torn_line_says_nothing() -> None:
    assert termination_message.from_log(b"2026-01-01T00\n" + cri(b"x") + b"2026-01-01T00:00:00Z std") == b"x\n"


def test_the_line_that_the_tail_cut_is_left_out() -> None:
    tail = cri(*[b"x" * 80] * 400)[-termination_message.LOG_TAIL_BYTES :]
    assert termination_message.from_log(tail).endswith(b"\n" + b"x" * 80 + b"\n")


@given(st.binary(max_size=3000))
def test_any_log_gives_at_most_2_kib(tail: bytes) -> None:
    assert len(termination_message.from_log(tail)) <= 2048


def test_only_a_failure_with_the_policy_asks_for_the_log() -> None:
    container = Container(name="c", termination_message_policy="FallbackToLogsOnError")
    assert termination_message.wants_log(container, 1)
    assert not termination_message.wants_log(container, 0)
    assert not termination_message.wants_log(Container(name="c"), 1)
