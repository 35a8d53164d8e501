"""What a fault is: something that strikes, may last, and is taken back; and whose pods it may concern."""

from __future__ import annotations

import random
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass

from tests.chaos.board import Site


@dataclass(slots=True)
class Hit:
    """What a fault may have touched.

    Attributes:
        pods: Pods whose containers it ended; all others must not notice.
        everything: All pods may have been ended.
        memory_lost: The board may have forgotten acknowledged objects: the sender hands all wishes over again.
        broker_forgets: The broker may have lost what it acknowledged last (mosquitto acknowledges before it stores):
            what it does not retain as it is wished is sent again.
        repeats: How often all wishes are to be sent again, shuffled.
        came_and_went: Pods that the fault itself asked for over MQTT and took back: told again with all wishes.
        note: For the line of the round.
    """

    pods: frozenset[str] = frozenset()
    everything: bool = False
    memory_lost: bool = False
    broker_forgets: bool = False
    repeats: int = 0
    came_and_went: tuple[str, ...] = ()
    note: str = ""


Fault = Callable[[Site, random.Random], AbstractContextManager[Hit]]
