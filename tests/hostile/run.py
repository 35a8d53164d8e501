"""Runs sequences of a hostile broker, and says at which seed something gave way. See scripts/hostile."""

from __future__ import annotations

import argparse
import asyncio
import logging
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

from tests.hostile.sequence import Sequence, ViolationError

STEPS = 40
_IN_MEMORY = Path("/dev/shm")  # where each fsync costs nothing


def run(seed: int, *, steps: int = STEPS, directory: Path | None = None) -> Counter[str]:
    """Run one sequence; return what was done how often. Raises ViolationError."""
    if directory is None and _IN_MEMORY.is_dir():
        directory = _IN_MEMORY
    with tempfile.TemporaryDirectory(prefix="el-hostile-", dir=directory) as folder:
        sequence = Sequence(seed, Path(folder) / "edgelet.db")
        with asyncio.Runner() as runner:
            runner.run(sequence.run(steps))
        return sequence.done


def main(arguments: list[str]) -> int:
    """Run."""
    parser = argparse.ArgumentParser(prog="scripts/hostile", description=__doc__)
    parser.add_argument("--seed", type=int, default=0, help="of the first sequence (default: 0)")
    parser.add_argument("--sequences", type=int, default=1000, help="how many (default: 1000)")
    parser.add_argument("--steps", type=int, default=STEPS, help=f"of each (default: {STEPS})")
    parser.add_argument("--directory", type=Path, help="for the databases (default: in memory)")
    asked = parser.parse_args(arguments)
    logging.disable()
    done: Counter[str] = Counter()
    began_s = time.monotonic()
    for number in range(asked.sequences):
        seed = asked.seed + number
        try:
            done += run(seed, steps=asked.steps, directory=asked.directory)
        except ViolationError as violation:
            print(f"seed {seed}: {violation}\nagain: scripts/hostile --seed {seed} --sequences 1 --steps {asked.steps}")
            return 1
        except BaseException:
            print(f"seed {seed} broke", file=sys.stderr)
            raise
        if (number + 1) % 500 == 0:
            print(f"{number + 1} sequences, {time.monotonic() - began_s:.0f} s", flush=True)
    print(f"{asked.sequences} sequences from seed {asked.seed}, {time.monotonic() - began_s:.0f} s: no violation")
    print(", ".join(f"{name} {count}" for name, count in sorted(done.items())))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
