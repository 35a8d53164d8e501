"""Handing wishes over, over MQTT or the local API, and again until they are acknowledged: as any user would."""

from __future__ import annotations

import json
import subprocess
import threading
from collections import deque
from dataclasses import dataclass

from tests.chaos.board import ROOT, Site
from tests.chaos.wishes import ConfigWish, PodWish, Way, Wish
from tests.fixtures.mqtt_clients import publish


@dataclass(frozen=True, slots=True)
class Order:
    """Apply `wish`, or delete what is called so where it is None."""

    kind: str  # plural
    name: str
    way: Way
    wish: Wish | None

    @property
    def topic(self) -> str:
        """Where it goes over MQTT, below the node's root."""
        return f"desired/{self.kind}/default/{self.name}"

    def __str__(self) -> str:
        version = getattr(self.wish, "version", "") if self.wish else ""
        shape = getattr(self.wish, "shape", "") if self.wish else ""
        return f"{'apply' if self.wish else 'delete'} {self.kind}/{self.name} {shape}{version} by {self.way}"


class Counter:
    """Takes orders and delivers them in order, from a thread of its own; what fails is tried again."""

    def __init__(self, site: Site) -> None:
        self._site = site
        self._queue: deque[Order] = deque()
        self._changed = threading.Condition()
        self._stop = False
        self._thread = threading.Thread(target=self._deliver, name="orders", daemon=True)
        self._thread.start()
        self.refusals: deque[str] = deque(maxlen=8)

    def take(self, *orders: Order) -> None:
        """Queue them."""
        with self._changed:
            self._queue.extend(orders)
            self._changed.notify()

    @property
    def pending(self) -> tuple[Order, ...]:
        """What is not acknowledged yet."""
        with self._changed:
            return tuple(self._queue)

    def close(self) -> None:
        """Stop delivering."""
        with self._changed:
            self._stop = True
            self._changed.notify()
        self._thread.join(70)

    def _deliver(self) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._queue or self._stop)
                if self._stop:
                    return
                order = self._queue[0]
            answer = self._attempt(order)
            with self._changed:
                if not answer:
                    self._queue.popleft()
                else:
                    self.refusals.append(f"{order}: {answer}")
                    self._changed.wait_for(lambda: self._stop, timeout=0.5)

    def _attempt(self, order: Order) -> str:
        """Return "" where it is acknowledged, else why not."""
        try:
            return self._by_mqtt(order) if order.way == "mqtt" else self._by_api(order)
        except (subprocess.SubprocessError, OSError) as error:
            return str(error)

    def _by_mqtt(self, order: Order) -> str:
        document = order.wish.document() if order.wish else b""
        publish(self._site.broker, f"{ROOT}{order.topic}", document)
        return ""

    def _by_api(self, order: Order) -> str:
        if order.wish is None:
            done = self._site.board.cli("delete", order.kind, order.name, "--wait=false", check=False, timeout_s=20)
            missing = "not found" in done.stderr.lower()
            return "" if not done.returncode or missing else done.stderr.strip()[-300:]
        text = json.dumps(order.wish.document())
        done = self._site.board.cli("apply", "-f", "-", stdin=text, check=False, timeout_s=20)
        return "" if not done.returncode else done.stderr.strip()[-300:]


def apply(wish: Wish) -> Order:
    """Order that it be so."""
    kind = "pods" if isinstance(wish, PodWish) else "configmaps"
    return Order(kind, wish.name, wish.way, wish)


def delete(wish: Wish) -> Order:
    """Order that it be no more."""
    kind = "pods" if isinstance(wish, PodWish) else "configmaps"
    return Order(kind, wish.name, wish.way, None)


def again(kind: str, name: str, way: Way) -> Order:
    """Order once more that something be no more."""
    return Order(kind, name, way, None)


__all__ = ["ConfigWish", "Counter", "Order", "again", "apply", "delete"]
