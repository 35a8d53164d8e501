"""Fuzzes one target: coverage leads libFuzzer to inputs that go further. Run by scripts/fuzz.

Ends with libFuzzer's exit code: not 0 once an input made the target fail, took too long or too much; that input is
then a file in the target's directory.
"""

from __future__ import annotations

import argparse
import logging
import sys
from pathlib import Path

import atheris

with atheris.instrument_imports(
    include=["edgelet", "h11", "h2", "hpack", "hyperframe", "wsproto", "jsonpatch", "jsonpointer", "yaml"]
):
    from tests.fuzz import corpus, mutation
    from tests.fuzz.catalog import TARGETS

_PLAIN = 4  # of so many changes one is of bytes, where the target takes manifests
_MANIFESTS = {"manifest": b"", "message": b"\n"}  # what stands before one


def main(arguments: list[str]) -> int:
    """Run."""
    asked = _parser().parse_args(arguments)
    if asked.list:
        print("\n".join(TARGETS))
        return 0
    logging.disable()
    home = asked.directory / asked.target
    count = corpus.fill(home / "corpus", asked.target, manifests=tuple(asked.manifests))
    print(f"{asked.target}: {count} inputs to begin with, in {home}", file=sys.stderr)
    flags = [
        sys.argv[0],
        str(home / "corpus"),
        f"-artifact_prefix={home}/",
        f"-max_total_time={asked.seconds}",
        f"-timeout={asked.timeout}",
        f"-rss_limit_mb={asked.memory_mb}",
        f"-max_len={asked.max_len}",
        "-print_final_stats=1",
        *asked.libfuzzer,
    ]
    atheris.Setup(flags, TARGETS[asked.target], custom_mutator=_mutator(asked.target))
    atheris.Fuzz()
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="scripts/fuzz", description=__doc__)
    parser.add_argument("target", nargs="?", default="manifest", choices=tuple(TARGETS))
    parser.add_argument("--list", action="store_true", help="name the targets")
    parser.add_argument("--seconds", type=int, default=60, help="how long (default: 60)")
    parser.add_argument("--manifests", type=Path, action="append", default=[], help="more manifests to begin with")
    parser.add_argument("--directory", type=Path, default=corpus.ROOT / ".fuzz", help="corpus and findings")
    parser.add_argument("--timeout", type=int, default=5, help="the longest an input may take, in seconds")
    parser.add_argument("--memory-mb", type=int, default=1024, help="the most memory the process may take")
    parser.add_argument("--max-len", type=int, default=8192, help="the longest input, in bytes")
    parser.add_argument("libfuzzer", nargs="*", help="flags of libFuzzer's own, after --")
    return parser


def _mutator(target: str):
    separator = _MANIFESTS.get(target)
    if separator is None:
        return None

    def mutate(data: bytes, max_size: int, seed: int) -> bytes:
        head, found, body = data.partition(separator) if separator else (b"", b"", data)
        if seed % _PLAIN:
            changed = mutation.mutated(body, seed=seed)
            if changed is not None and len(head) + len(changed) < max_size:
                return head + found + changed
        return atheris.Mutate(data, max_size)

    return mutate


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
