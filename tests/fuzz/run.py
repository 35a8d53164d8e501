"""Fuzzes one target: coverage leads libFuzzer to inputs that go further. Run by scripts/fuzz.

Ends with libFuzzer's exit code: not 0 once an input made the target fail, took too long or too much; that input is
then a file in the target's directory.
"""

from __future__ import annotations

import argparse
import contextlib
import importlib
import io
import json
import logging
import sys
from collections.abc import Callable
from pathlib import Path

import atheris

_WATCHED = ("edgelet", "h11", "h2", "hpack", "hyperframe", "wsproto", "jsonpatch", "jsonpointer", "yaml")
_LATE = ("edgelet.intake.yaml_dialect", "h2.config", "h2.connection", "h2.events", "h2.exceptions", "jsonpatch")

# It names each of two hundred modules.
with contextlib.redirect_stderr(io.StringIO()), atheris.instrument_imports(include=list(_WATCHED)):
    from tests.fuzz import corpus, mutation, neighbours
    from tests.fuzz.catalog import TARGETS

    for name in _LATE:  # the agent imports them on first use, which would be too late to be watched
        importlib.import_module(name)

_PLAIN = 4  # of so many changes one is of bytes, where the target takes manifests
_MANIFESTS = {"manifest": b"", "message": b"\n"}  # what stands before one


def main(arguments: list[str]) -> int:
    """Run."""
    asked = _parser().parse_args(arguments)
    if asked.neighbours:
        return _try_neighbours()
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
        *_dictionary(asked.target, home),
        *asked.libfuzzer,
    ]
    atheris.Setup(flags, TARGETS[asked.target], custom_mutator=_mutator(asked.target))
    atheris.Fuzz()
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="scripts/fuzz", description=__doc__)
    parser.add_argument("target", nargs="?", default="manifest", choices=tuple(TARGETS))
    parser.add_argument("--list", action="store_true", help="name the targets")
    parser.add_argument("--neighbours", action="store_true", help="try all neighbours of the rich seeds: minutes")
    parser.add_argument("--seconds", type=int, default=60, help="how long (default: 60)")
    parser.add_argument("--manifests", type=Path, action="append", default=[], help="more manifests to begin with")
    parser.add_argument("--directory", type=Path, default=corpus.ROOT / ".fuzz", help="corpus and findings")
    parser.add_argument("--timeout", type=int, default=5, help="the longest an input may take, in seconds")
    parser.add_argument("--memory-mb", type=int, default=1024, help="the most memory the process may take")
    parser.add_argument("--max-len", type=int, default=8192, help="the longest input, in bytes")
    parser.add_argument("libfuzzer", nargs="*", help="flags of libFuzzer's own, after --")
    return parser


def _try_neighbours() -> int:
    """Try each of them; the first that breaks the target is printed, and raises."""
    count = 0
    for path in corpus.RICH:
        for data in neighbours.of(json.loads(path.read_bytes())):
            try:
                TARGETS["manifest"](data)
            except BaseException:
                print(data.decode(), file=sys.stderr)
                raise
            count += 1
        print(f"{path.name}: {count} neighbours so far", file=sys.stderr)
    return 0


def _dictionary(target: str, home: Path) -> list[str]:
    """Write the target's words in libFuzzer's form; return the flag that names them."""
    words = corpus.words(target)
    quoted = ["".join(f"\\x{byte:02x}" for byte in word) for word in words]
    path = home / "words.dict"
    path.write_text("".join(f'"{word}"\n' for word in quoted))
    return [f"-dict={path}"] if words else []


def _mutator(target: str) -> Callable[[bytes, int, int], bytes] | None:
    """Return what changes an input of a target that takes manifests; None: libFuzzer does it by itself."""
    separator = _MANIFESTS.get(target)
    if separator is None:
        return None
    seeds = [path.read_bytes() for path in corpus.seeds("manifest")]  # rich ones, which would seldom be chosen

    def mutate(data: bytes, max_size: int, seed: int) -> bytes:
        head, found, body = data.partition(separator) if separator else (b"", b"", data)
        if seed % _PLAIN:
            if seed % _PLAIN == 1 and not separator:
                body = seeds[seed // _PLAIN % len(seeds)]
            changed = mutation.mutated(body, seed=seed)
            if changed is not None and len(head) + len(changed) < max_size:
                return head + found + changed
        mutated: bytes = atheris.Mutate(data, max_size)
        return mutated

    return mutate


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
