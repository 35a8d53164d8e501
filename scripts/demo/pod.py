"""The Pod from the sender's side: mosquitto_pub puts it there, mosquitto_sub hears how it is."""

from __future__ import annotations

import json
import os
import selectors
import subprocess
import time
from collections.abc import Callable, Iterator
from typing import Any

from scripts.demo import board
from scripts.demo.failure import DemoError
from scripts.demo.place import Place

NAME = "web"
WISH = f"{board.TOPICS}/desired/pods/default/{NAME}"
REPORT = f"{board.TOPICS}/status/pods/default/{NAME}"
_READ_BYTES = 65536


def publish(place: Place, *payload: str) -> None:
    """Publish a retained wish: `-f FILE`, or `-n` to delete.

    Raises:
        DemoError: The broker does not take it.
    """
    argv = (*_client(place, "mosquitto_pub"), "-r", "-t", WISH, *payload)
    done = subprocess.run(argv, capture_output=True, text=True, timeout=30, check=False)
    if done.returncode:
        raise DemoError(f"the broker does not take the message: {done.stderr.strip()}", "See broker.log.")


def wait_until_ready(place: Place, *, timeout_s: float, tell: Callable[[str], None]) -> None:
    """Wait for a status with the condition Ready; `tell` hears what comes before it.

    Raises:
        DemoError: It was refused, or did not come in time.
    """
    last = "no status came"
    for payload in _reports(place, timeout_s=timeout_s):
        if not payload:
            continue
        document = json.loads(payload)
        if "error" in document:
            raise DemoError(f"the Pod was refused: {document['error'].get('message')}", "Is configs/examples changed?")
        last = summary(document.get("status") or {})
        if last.endswith("Ready"):
            return
        tell(last)
    raise DemoError(
        f"the Pod is not ready after {timeout_s:g} s: {last}", "`edgelet describe pod` above tells what was tried."
    )


def wait_until_gone(place: Place, *, timeout_s: float) -> None:
    """Wait for the empty status that follows removal.

    Raises:
        DemoError: It did not come in time.
    """
    for payload in _reports(place, timeout_s=timeout_s):
        if not payload:
            return
    raise DemoError(f"the Pod is still there after {timeout_s:g} s", "What is left is removed by force now.")


def summary(status: dict[str, Any]) -> str:
    """Put a Pod's status in a few words; they end with Ready when it is."""
    ready = any(one["type"] == "Ready" and one["status"] == "True" for one in status.get("conditions") or [])
    words = [str(status.get("phase", "Pending"))]
    for container in status.get("containerStatuses") or []:
        state, detail = next(iter((container.get("state") or {"waiting": {}}).items()))
        words.append(f"{container['name']} {detail.get('reason') or state}")
    return ", ".join(words) + (", Ready" if ready else "")


def page(place: Place) -> str:
    """Ask for the page; the sidecar has a moment to write its first one."""
    argv = ("curl", "--silent", "--show-error", "--fail", "--max-time", "5", f"http://127.0.0.1:{place.host_port}/")
    words = ""
    for _ in range(20):
        done = subprocess.run(argv, capture_output=True, text=True, timeout=10, check=False)
        if done.returncode == 0:
            return done.stdout.rstrip()
        words = done.stderr.strip()
        time.sleep(0.25)
    raise DemoError(
        f"the Pod is ready but its hostPort does not answer: {words}",
        "Does a firewall drop forwarded packets? `nft list ruleset` and `iptables -L FORWARD` show it.",
    )


def _reports(place: Place, *, timeout_s: float) -> Iterator[bytes]:
    """Yield the payloads of the Pod's status topic as they come; ends with the time."""
    argv = (*_client(place, "mosquitto_sub"), "-t", REPORT, "-F", "%p")
    deadline = time.monotonic() + timeout_s
    with subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as process:
        try:
            if process.stdout is not None:
                yield from _lines(process.stdout.fileno(), deadline)
        finally:
            process.kill()


def _lines(descriptor: int, deadline: float) -> Iterator[bytes]:
    buffer = b""
    with selectors.DefaultSelector() as selector:
        selector.register(descriptor, selectors.EVENT_READ)
        while (left := deadline - time.monotonic()) > 0 and selector.select(left):
            chunk = os.read(descriptor, _READ_BYTES)
            if not chunk:  # the broker ended
                return
            *whole, buffer = (buffer + chunk).split(b"\n")
            yield from whole


def _client(place: Place, program: str) -> tuple[str, ...]:
    return (program, "-V", "mqttv5", "-h", "127.0.0.1", "-p", str(place.broker_port), "-q", "1")
