"""What keeping and opening Secrets costs: microseconds an object, and resident memory of the library.

Run: python -m bench.sealing
"""

from __future__ import annotations

import json
import os
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

ROUNDS = 2000
SIZES = (100, 1000, 10_000, 100_000)


def resident_kib() -> int:
    line = next(one for one in Path("/proc/self/smaps_rollup").read_text().splitlines() if one.startswith("Rss:"))
    return int(line.split()[1])


def each_us(work: Callable[[], object]) -> float:
    start_s = time.perf_counter()
    for _ in range(ROUNDS):
        work()
    return (time.perf_counter() - start_s) / ROUNDS * 1e6


def main() -> None:
    from edgelet.adapters.sealing import hpke  # noqa: PLC0415  what is measured
    from edgelet.adapters.sealing.node_keys import NodeKeys  # noqa: PLC0415
    from edgelet.api import sealed_secret  # noqa: PLC0415

    folder = Path(tempfile.mkdtemp())
    keys = NodeKeys.of_file(folder / "node.key", default=folder / "node.key")
    before_kib = resident_kib()
    keys.seal(b"", about=b"")
    print(f"AES-GCM loaded: {resident_kib() - before_kib} KiB more")
    pair = hpke.new_key()
    secret = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "db"}, "stringData": {"p": "x"}}
    hpke.seal(secret, node="a/b", namespace="c", key=pair.public)
    print(f"HPKE loaded: {resident_kib() - before_kib} KiB more")
    for size in SIZES:
        content = os.urandom(size // 2).hex().encode()
        key, sealed = keys.seal(content, about=b"about")
        secret["stringData"] = {"p": content.decode()}
        made = hpke.seal(secret, node="a/b", namespace="c", key=pair.public)
        info = sealed_secret.info("a/b", "c", "db")
        costs = {
            "at rest, seal": each_us(partial(keys.seal, content, about=b"about")),
            "at rest, open": each_us(partial(keys.open, sealed, key=key, about=b"about")),
            "on the way, open": each_us(partial(hpke.unseal, made.sealed, private=pair.private, info=info)),
            "JSON, read": each_us(partial(json.loads, json.dumps(secret))),
        }
        print(f"{size:>7} bytes: " + ", ".join(f"{name} {cost:.1f} us" for name, cost in costs.items()))


if __name__ == "__main__":
    main()
