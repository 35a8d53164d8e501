"""One sequence: a signer, a board, and between them a broker that does as it likes.

What must hold after each step: what the board has from the broker is one state that the signer wrote for this node,
never an older one than before, never parts of two; it changed only while that state had not expired.
"""

from __future__ import annotations

import base64
import random
from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

from edgelet.api import dsse
from edgelet.api.desired_index import Version
from edgelet.ports.object_store import StoredObject
from tests.hostile import signer as signing
from tests.hostile.board import Board, Clocks
from tests.hostile.signer import NODE, OTHER, Sent, Signer, State

_START = datetime(2026, 6, 1, tzinfo=UTC)
_NONE = Version(-1, -1)
_LOCAL = (
    b'{"apiVersion":"v1","kind":"Pod","metadata":{"name":"local"},"spec":{"containers":[{"name":"m","image":"i"}]}}'
)
MALLORY = 99


class ViolationError(AssertionError):
    """The board has what nobody signed."""


class Sequence:
    """Steps by a seed: the same seed, the same steps."""

    def __init__(self, seed: int, path: Path) -> None:
        self._chance = random.Random(seed)  # noqa: S311  repeatable, no secret
        self._clocks = Clocks(_START)
        self._signer = Signer(self._chance, _START)
        first = self._signer.key
        self._board = Board(path, self._clocks, {first.key_id: first.public})
        self._version = _NONE
        self._digest = ""
        self._trusted = {first.key_id}  # or more: who knows which of several states in one step it heard
        self._ever: dict[str, set[str]] = {}  # digests that a path had in states that took effect
        self.done: Counter[str] = Counter()

    async def run(self, steps: int) -> None:
        """Do so many steps, then let an honest broker tell the newest state: it must take effect."""
        await self._board.start()
        try:
            await self._board.reception.apply(self._board.reception.read(_LOCAL)[0], source="file", strict=False)
            actions = [*_ACTIONS.items()]
            for _ in range(steps):
                name, action = self._chance.choice(actions)
                self.done[name] += 1
                await action(self)
                await self._board.settle()
                if self._board.is_dead:
                    await self._reborn()
                self._check(name)
            await self._honest_end()
        finally:
            await self._board.stop()

    # ---- what the signer does

    async def _write(self) -> None:
        life = timedelta(days=self._chance.choice((7, 7, 7, 1)))
        node = NODE if self._chance.random() < 0.8 else OTHER
        for one in self._signer.write(node, life=life):
            if self._chance.random() < 0.8:  # the rest is dropped
                self._deliver(one)

    async def _roll(self) -> None:
        if self._chance.random() < 0.2:
            self._deliver(*self._signer.write(roll=True))

    async def _write_twice(self) -> None:
        if self._signer.states[NODE] and self._chance.random() < 0.3:
            self._deliver(*self._signer.write_twice())

    async def _time_passes(self) -> None:
        passed = timedelta(hours=self._chance.choice((1, 30, 100)))
        self._signer.now += passed
        self._clocks.wall = self._signer.now

    # ---- what the broker does

    async def _tell_all(self) -> None:
        messages = [*self._signer.latest[NODE].values()]
        self._chance.shuffle(messages)
        self._deliver(*messages)

    async def _replay(self) -> None:
        for _ in range(self._chance.randint(1, 8)):
            if (one := self._any()) is not None:
                self._deliver(one)

    async def _swap_topic(self) -> None:
        one, other = self._any(), self._any()
        if one is not None and other is not None:
            self._deliver(replace(one, topic=other.topic))

    async def _swap_node(self) -> None:
        if (one := self._any()) is not None:
            self._deliver(replace(one, topic=one.topic.replace(OTHER, NODE)))

    async def _swap_properties(self) -> None:
        one, other = self._any(), self._any()
        if one is not None and other is not None:
            self._deliver(replace(one, properties=other.properties, content_type=other.content_type))

    async def _swap_payload(self) -> None:
        one, other = self._any(), self._any()
        if one is not None and other is not None:
            self._deliver(replace(one, payload=other.payload))

    async def _flip(self) -> None:
        if (one := self._any()) is not None and one.payload:
            at = self._chance.randrange(len(one.payload))
            byte = one.payload[at] ^ (1 << self._chance.randrange(8))
            self._deliver(replace(one, payload=one.payload[:at] + bytes((byte,)) + one.payload[at + 1 :]))

    async def _truncate(self) -> None:
        if (one := self._any()) is None:
            return
        if one.properties and self._chance.random() < 0.7:
            name = self._chance.choice(sorted(one.properties))
            length = self._chance.randrange(len(one.properties[name]))
            cut = {**one.properties, name: one.properties[name][:length]}
            if self._chance.random() < 0.3:
                del cut[name]
            self._deliver(replace(one, properties=cut))
        else:
            self._deliver(replace(one, payload=one.payload[: self._chance.randrange(len(one.payload) + 1)]))

    async def _clear(self) -> None:
        if (one := self._any()) is not None:
            self._deliver(Sent(one.topic.replace(OTHER, NODE), b""))

    async def _unsigned(self) -> None:
        if (one := self._any()) is not None:
            self._deliver(Sent(one.topic, one.payload, one.content_type))

    async def _forged(self) -> None:
        """Sign as somebody else, under an own id or a borrowed one, beside the payload or around it."""
        one = self._any()
        if one is None:
            return
        if self._chance.random() < 0.5:
            newest = self._signer.state(NODE)
            version = newest.version if newest is not None else Version(1, 0)
            payload = b'{"v":1,"epoch":%d,"generation":%d,' % (version.epoch, version.generation + 1)
            payload += b'"issued":"2026-06-01T00:00:00Z","expires":"2036-06-01T00:00:00Z","objects":{}}'
            message = Sent(f"{NODE}desired/index", payload)
        else:
            message = Sent(one.topic, one.payload, one.content_type)
        mallory = signing.key(MALLORY)
        kind = self._chance.randrange(4)
        first = signing.key(1)
        if kind == 0:
            self._deliver(signing.enveloped(message, mallory))
            return
        if kind == 3 and first.key_id not in self._trusted:  # it was once
            self._deliver(signing.signed(first, message))
            return
        forged = signing.signed(mallory, message)
        if kind == 1:
            forged = replace(forged, properties={**forged.properties, dsse.KEY_ID: self._signer.key.key_id})
        self._deliver(forged)

    async def _rewrap(self) -> None:
        """Put the signature of a message around its payload: the same message, another form."""
        if (one := self._any()) is None or not one.properties:
            return
        signature = dsse.Signature(
            one.properties[dsse.KEY_ID], base64.b64decode(one.properties[dsse.SIGNATURE], validate=True)
        )
        body = dsse.signed_body(one.topic, one.payload)
        self._deliver(Sent(one.topic, dsse.encode(dsse.Envelope(one.content_type, body, (signature,)))))

    async def _wrong_clock(self) -> None:
        self._clocks.is_known = self._chance.random() < 0.6
        off = timedelta(days=self._chance.choice((0, 0, -400, 400)))
        self._clocks.wall = self._signer.now + (off if not self._clocks.is_known else timedelta(0))

    # ---- what befalls the board

    async def _restart(self) -> None:
        await self._reborn()

    async def _power(self) -> None:
        """The power goes somewhere in what comes next."""
        self._board.die_after(self._chance.randrange(12))
        await (self._tell_all() if self._chance.random() < 0.5 else self._write())

    async def _full_disk(self) -> None:
        self._board.refuse_writes(self._chance.randint(1, 4), after=self._chance.randrange(8))
        await self._write()
        await self._write()
        await self._tell_all()

    async def _pods_end(self) -> None:
        await self._board.end_pods()

    # ---- the end

    async def _honest_end(self) -> None:
        self._clocks.is_known = True
        self._clocks.wall = self._signer.now
        self._signer.write(by_all=True)
        for _ in range(3):
            messages = [*self._signer.latest[NODE].values()]
            self._deliver(*messages)
            await self._board.settle()
            await self._board.end_pods()
            await self._board.settle()
            if self._board.is_dead:
                await self._reborn()
        self._check("honest end")
        newest = self._signer.state(NODE)
        if newest is None or self._version != newest.version:
            raise ViolationError(
                f"an honest broker is not heard: {self._version}, {newest and newest.version} was signed"
            )
        self.done["refused"] += len(self._board.refused)

    async def _reborn(self) -> None:
        await self._board.stop()
        await self._board.start()
        await self._board.settle()

    # ----

    def _any(self) -> Sent | None:
        """Any message that was ever published, for either node."""
        return self._chance.choice(self._signer.sent) if self._signer.sent else None

    def _deliver(self, *messages: Sent) -> None:
        for one in messages:
            self._board.wire.deliver(one)

    def _check(self, step: str) -> None:
        record, objects = self._board.signed.record, self._board.objects()
        version = record.applied.index.version if record.applied is not None else _NONE
        digest = record.applied.digest if record.applied is not None else ""
        if version < self._version:
            raise ViolationError(f"{step}: {version} after {self._version}")
        if self._board.wire.unacknowledged:
            raise ViolationError(f"{step}: {len(self._board.wire.unacknowledged)} messages are not acknowledged")
        if version == self._version and digest != self._digest:
            raise ViolationError(f"{step}: two states of {version} took effect")
        state = next((one for one in self._signer.states[NODE] if one.index_digest == digest), None)
        if version != _NONE and state is None:
            raise ViolationError(f"{step}: {version} was never signed for this node")
        now = self._clocks.known()
        if version != self._version and state is not None and now is not None and now >= state.expires:
            raise ViolationError(f"{step}: {version} took effect after {state.expires}")
        self._learn(state, version)
        self._check_objects(step, state, objects)
        self._check_starts(step, state, now)
        if not any(one.source == "file" and not one.deleting for one in self._board.store.list("Pod")):
            raise ViolationError(f"{step}: the local pod is gone")
        self.done["took effect"] += version != self._version
        self._version, self._digest = version, digest

    def _learn(self, state: State | None, version: Version) -> None:
        """Note what may have taken effect, for a moment too, since the last look."""
        for one in self._signer.states[NODE]:
            if self._version < one.version <= version:
                for path, wanted in one.digests.items():
                    self._ever.setdefault(path, set()).add(wanted)
                self._trusted |= set(one.keys or ())
        if state is not None and state.keys is not None:
            self._trusted = set(state.keys)

    def _check_objects(self, step: str, state: State | None, objects: dict[str, str]) -> None:
        wanted = state.objects if state is not None else {}
        for path in objects.keys() | wanted.keys():
            payload, found = wanted.get(path), objects.get(path)
            if payload is None:
                raise ViolationError(f"{step}: {path} is there, and the signer does not want it")
            if signing.is_takeable(path, payload):
                if found != signing.digest(payload):
                    raise ViolationError(f"{step}: {path} is {found}, not as it was signed")
            elif found is not None and found not in self._ever.get(path, set()):
                raise ViolationError(f"{step}: {path} is {found}, which the signer never wanted")

    def _check_starts(self, step: str, state: State | None, now: datetime | None) -> None:
        """No pod may begin but one that is in the state as it is, in its time."""
        is_late = state is not None and now is not None and now >= state.expires
        for pod in self._board.store.list("Pod"):
            if pod.source != "mqtt" or pod.deleting or not self._board.signed.may_begin(pod):
                continue
            if is_late or state is None or not _is_as_signed(pod, state):
                raise ViolationError(f"{step}: {pod.key} would begin")


def _is_as_signed(pod: StoredObject, state: State) -> bool:
    return state.digests.get(f"pods/{pod.key.namespace}/{pod.key.name}") == pod.digest


_ACTIONS: dict[str, Callable[[Sequence], Awaitable[None]]] = {
    "write": Sequence._write,
    "write again": Sequence._write,
    "and again": Sequence._write,
    "write twice": Sequence._write_twice,
    "roll the key": Sequence._roll,
    "time passes": Sequence._time_passes,
    "tell all": Sequence._tell_all,
    "tell all again": Sequence._tell_all,
    "tell them all": Sequence._tell_all,
    "replay": Sequence._replay,
    "swap topics": Sequence._swap_topic,
    "swap nodes": Sequence._swap_node,
    "swap properties": Sequence._swap_properties,
    "swap payloads": Sequence._swap_payload,
    "flip a bit": Sequence._flip,
    "truncate": Sequence._truncate,
    "clear": Sequence._clear,
    "unsigned": Sequence._unsigned,
    "forge": Sequence._forged,
    "rewrap": Sequence._rewrap,
    "move the clock": Sequence._wrong_clock,
    "restart": Sequence._restart,
    "cut the power": Sequence._power,
    "fill the disk": Sequence._full_disk,
    "pods end": Sequence._pods_end,
}
