from __future__ import annotations

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[4]

# Threads that allocate at the same time; glibc's arenas of threads are mapped at multiples of 64 MiB.
CODE = """
import sys, threading
from edgelet.adapters.host import allocator
if sys.argv[1] == "settled":
    allocator.settle()
barrier, held = threading.Barrier(5), []
def work():
    held.append([bytearray(2000) for _ in range(50)])
    barrier.wait()
threads = [threading.Thread(target=work) for _ in range(4)]
for one in threads: one.start()
barrier.wait()
starts = [int(line.partition("-")[0], 16) for line in open("/proc/self/maps")]
print(sum(start % (64 << 20) == 0 for start in starts))
"""


def arenas(word: str) -> int:
    done = subprocess.run(
        (sys.executable, "-c", CODE, word), cwd=ROOT, capture_output=True, text=True, check=True, timeout=60
    )
    return int(done.stdout)


def test_threads_share_one_pool() -> None:
    assert arenas("settled") == 0
    assert arenas("not settled") > 0
