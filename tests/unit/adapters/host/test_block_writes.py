from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from edgelet.adapters.host import block_writes

MIB = 1024 * 1024
WRITE = "import os, sys; f = open(sys.argv[1], 'wb'); f.write(bytes(1024 * 1024)); f.flush(); os.fsync(f.fileno())"


def make_process(proc: Path, pid: int, written_bytes: int, children: tuple[int, ...] = ()) -> Path:
    process = proc / str(pid)
    (process / "task" / str(pid)).mkdir(parents=True)
    (process / "io").write_text(f"rchar: 1\nwchar: 2\nread_bytes: 3\nwrite_bytes: {written_bytes}\n")
    (process / "task" / str(pid) / "children").write_text(" ".join(map(str, children)))
    return process


def test_children_that_still_run_count(tmp_path: Path) -> None:
    process = make_process(tmp_path, 10, 1000, (11, 12))
    make_process(tmp_path, 11, 200)
    assert block_writes.total_bytes(process) == 1200


def test_a_kernel_that_does_not_count_says_nothing(tmp_path: Path) -> None:
    assert block_writes.total_bytes(tmp_path / "10") == 0
    process = make_process(tmp_path, 11, 5)
    (process / "io").write_text("rchar: 1\n")
    assert block_writes.total_bytes(process) == 0


def test_what_a_child_wrote_counts_while_it_runs_and_once_after_it_ended() -> None:
    before = block_writes.total_bytes()
    file = Path(__file__).parent / f".block-writes-{os.getpid()}"  # on a disk: /tmp may be a tmpfs
    try:
        waiting = f"{WRITE}; sys.stdout.write('.'); sys.stdout.flush(); sys.stdin.read()"
        with subprocess.Popen(
            (sys.executable, "-c", waiting, str(file)), stdin=subprocess.PIPE, stdout=subprocess.PIPE
        ) as child:
            assert child.stdout is not None
            assert child.stdout.read(1) == b"."
            running = block_writes.total_bytes() - before
            assert child.stdin is not None
            child.stdin.close()
            child.wait(10)
        ended = block_writes.total_bytes() - before
    finally:
        file.unlink(missing_ok=True)
    assert MIB <= running < 2 * MIB
    assert MIB <= ended < 2 * MIB


def test_a_tmpfs_does_not_count() -> None:
    before = block_writes.total_bytes()
    file = Path("/dev/shm") / f"block-writes-{os.getpid()}"
    try:
        file.write_bytes(bytes(MIB))
    finally:
        file.unlink(missing_ok=True)
    assert block_writes.total_bytes() - before < MIB // 2
