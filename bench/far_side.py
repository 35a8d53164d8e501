"""Whoever steers the board from afar, with mosquitto's own tools: publishes, and stamps every message that comes."""

from __future__ import annotations

import json
import subprocess
import threading
import time
from collections.abc import Callable
from typing import Any, Self

from tests.fixtures.mosquitto import Mosquitto
from tests.fixtures.mqtt_clients import publish

Document = dict[str, Any]

_ROOT = "edgelet/v1/default/board/"
_TIMEOUT_S = 60.0


class FarSide:
    """Wants pods and hears of them."""

    def __init__(self, broker: Mosquitto) -> None:
        self._broker = broker
        self._heard: list[tuple[float, str, str]] = []  # monotonic time, topic below the root, payload
        self._news = threading.Condition()

    def __enter__(self) -> Self:
        self._process = subprocess.Popen(
            (
                *("mosquitto_sub", "-V", "5", "-h", "127.0.0.1", "-p", str(self._broker.port), "-q", "1"),
                *("-t", f"{_ROOT}status/#", "-F", "%t %p"),
            ),
            stdout=subprocess.PIPE,
            text=True,
        )
        self._thread = threading.Thread(target=self._listen, daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._process.terminate()
        self._process.wait(10)
        self._thread.join(10)
        assert self._process.stdout is not None
        self._process.stdout.close()

    def want(self, document: Document) -> None:
        """Publish a Pod, retained."""
        publish(self._broker, f"{_ROOT}desired/pods/default/{document['metadata']['name']}", document)

    def unwant(self, name: str) -> None:
        """Take a Pod back: the empty payload."""
        publish(self._broker, f"{_ROOT}desired/pods/default/{name}", b"")

    def when(self, name: str, said: Callable[[Document | None], bool], *, after_s: float) -> float:
        """Return when the first message about a pod came that says so; None is the cleared topic."""
        topic = f"status/pods/default/{name}"
        at = 0
        end_s = time.monotonic() + _TIMEOUT_S
        with self._news:
            while True:
                for heard_s, about, payload in self._heard[at:]:
                    if about == topic and heard_s >= after_s and said(json.loads(payload) if payload else None):
                        return heard_s
                at = len(self._heard)
                assert self._news.wait(end_s - time.monotonic()), f"nobody said it of {name}"

    def _listen(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            now_s = time.monotonic()
            topic, _, payload = line.rstrip("\n").partition(" ")
            with self._news:
                self._heard.append((now_s, topic.removeprefix(_ROOT), payload))
                self._news.notify_all()
