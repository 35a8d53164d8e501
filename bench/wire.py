"""Bytes on a TCP link, as the kernel counts them."""

from __future__ import annotations

import re
import subprocess
from dataclasses import dataclass

_HEADERS_BYTES = 52  # IPv4 20, TCP 20, its timestamps 12


@dataclass(frozen=True, slots=True)
class Traffic:
    """Both ways, with IP and TCP headers, acknowledgements and keep-alive probes."""

    sent_bytes: int
    received_bytes: int


def traffic(port: int) -> Traffic:
    """Return what the agent sent to a broker on a local port, and received."""
    done = subprocess.run(
        ("ss", "-Htinp", "state", "established", f"dport = :{port}"), check=True, capture_output=True, text=True
    )
    return parse(done.stdout)


def parse(text: str) -> Traffic:
    """Read the answer of ss: two lines a socket; the far side's mosquitto_sub does not count."""
    sent = received = 0
    for entry in re.split(r"\n(?=\S)", text):
        if "mosquitto_sub" in entry:
            continue
        sent += _counter(entry, "bytes_acked") + _HEADERS_BYTES * _counter(entry, "segs_out")
        received += _counter(entry, "bytes_received") + _HEADERS_BYTES * _counter(entry, "segs_in")
    return Traffic(sent, received)


def _counter(entry: str, name: str) -> int:
    found = re.search(rf"\b{name}:(\d+)", entry)
    return int(found[1]) if found else 0
