"""Who signs: writes states of two nodes, generation after generation, and remembers each."""

from __future__ import annotations

import base64
import hashlib
import json
import random
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from functools import cache

from edgelet.adapters.signing.signing_key import SigningKey
from edgelet.api import desired_index, dsse
from edgelet.api.desired_index import Index, Version

NODE, OTHER = "edgelet/v1/default/pi-01/", "edgelet/v1/default/pi-02/"
PATHS = (
    *("pods/default/a", "pods/default/b", "pods/default/c"),
    *("configmaps/default/x", "configmaps/default/y", "secrets/default/s", "deployments/default/later"),
)
JSON = "application/json"


@dataclass(frozen=True, slots=True)
class Sent:
    """One message as it travels."""

    topic: str  # whole
    payload: bytes
    content_type: str = ""
    properties: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class State:
    """What a node is to have."""

    version: Version
    index_digest: str
    expires: datetime
    objects: Mapping[str, bytes]
    keys: Mapping[str, bytes] | None

    @property
    def digests(self) -> dict[str, str]:
        return {path: digest(payload) for path, payload in self.objects.items()}


def digest(payload: bytes) -> str:
    return hashlib.sha256(payload).hexdigest()


def is_takeable(path: str, payload: bytes) -> bool:
    """Whether a board can run it: some of what a signer writes is wrong."""
    return not path.startswith("deployments/") and b"NotAName" not in payload


@cache
def key(number: int) -> SigningKey:
    """One of a few keys, the same in every sequence of a process."""
    del number
    return SigningKey.generate()


def signed(key: SigningKey, message: Sent) -> Sent:
    """The message with its signature beside it."""
    signature = key.sign(dsse.pae(message.content_type, dsse.signed_body(message.topic, message.payload)))
    properties = {dsse.SIGNATURE: base64.b64encode(signature).decode(), dsse.KEY_ID: key.key_id}
    return replace(message, properties=properties)


def enveloped(message: Sent, *keys: SigningKey) -> Sent:
    """The message with its signatures around it."""
    body = dsse.signed_body(message.topic, message.payload)
    signatures = tuple(dsse.Signature(one.key_id, one.sign(dsse.pae(message.content_type, body))) for one in keys)
    return Sent(message.topic, dsse.encode(dsse.Envelope(message.content_type, body, signatures)))


class Signer:
    """One person with a key; two nodes."""

    def __init__(self, chance: random.Random, now: datetime) -> None:
        self._chance = chance
        self.key_number = 1
        self.now = now  # by the signer's own clock, which is right
        self.states: dict[str, list[State]] = {NODE: [], OTHER: []}
        self.sent: list[Sent] = []  # all that was ever published
        self.latest: dict[str, dict[str, Sent]] = {NODE: {}, OTHER: {}}  # what is retained, by topic

    @property
    def key(self) -> SigningKey:
        return key(self.key_number)

    def state(self, node: str) -> State | None:
        return self.states[node][-1] if self.states[node] else None

    def write_twice(self) -> list[Sent]:
        """Write another state under the version of the newest: what two people with one key may do."""
        newest = self.states[NODE][-1]
        state_before = self.states[NODE][-2] if len(self.states[NODE]) > 1 else None
        messages = self._published(NODE, newest.version, self._changed(state_before.objects if state_before else {}))
        out = [signed(self.key, one) for one in messages]
        self.sent += out
        return out

    def write(
        self, node: str = NODE, *, life: timedelta = timedelta(days=7), roll: bool = False, by_all: bool = False
    ) -> list[Sent]:
        """Write the next generation; returns what is published, in order.

        Args:
            node: For whom.
            life: Until it expires.
            roll: Go over to a new key: the index is signed by the one before, and names the new one.
            by_all: Sign with every key there was, too, for a node that missed when they changed.
        """
        before = self.state(node)
        version = Version(1, 1) if before is None else self._next(before.version)
        objects = self._changed(before.objects if before is not None else {})
        signer = self.key
        keys = None
        self.key_number += roll
        if roll or by_all:
            keys = {self.key.key_id: self.key.public}
        messages = self._published(node, version, objects, life=life, keys=keys)
        if self._chance.random() < 0.3:
            messages = messages[1:] + messages[:1]
        if by_all:
            out = [enveloped(one, *map(key, range(self.key_number, 0, -1))) for one in messages]
        elif self._chance.random() < 0.25:
            out = [enveloped(one, signer) for one in messages]
        else:
            out = [signed(signer, one) for one in messages]
        self.sent += out
        self.latest[node] = {one.topic: one for one in out}
        return out

    def _published(
        self,
        node: str,
        version: Version,
        objects: dict[str, bytes],
        *,
        life: timedelta = timedelta(days=7),
        keys: dict[str, bytes] | None = None,
    ) -> list[Sent]:
        """Note a state; return its messages, the index first, not signed yet."""
        digests = {path: digest(payload) for path, payload in objects.items()}
        payload = desired_index.encode(Index(version, self.now, self.now + life, digests, keys))
        self.states[node].append(State(version, digest(payload), self.now + life, objects, keys))
        index = Sent(node + desired_index.TOPIC, payload, desired_index.CONTENT_TYPE)
        return [index, *(Sent(f"{node}desired/{path}", one, JSON) for path, one in objects.items())]

    def _next(self, before: Version) -> Version:
        if self._chance.random() < 0.05:
            return Version(before.epoch + 1, self._chance.choice((0, 1, before.generation + 1)))
        return Version(before.epoch, before.generation + self._chance.choice((1, 1, 1, 3)))

    def _changed(self, before: Mapping[str, bytes]) -> dict[str, bytes]:
        objects = dict(before)
        for path in self._chance.sample(PATHS, self._chance.randint(0, 3)):
            if path in objects and self._chance.random() < 0.4:
                del objects[path]
            else:
                objects[path] = self._object(path)
        return objects

    def _object(self, path: str) -> bytes:
        plural, namespace, name = path.split("/")
        number = self._chance.randrange(4)
        metadata = {"name": name, "namespace": namespace}
        if plural == "pods":
            container = "main" if self._chance.random() < 0.85 else "NotAName"
            spec = {"containers": [{"name": container, "image": f"localhost/box:{number}"}]}
            return json.dumps({"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": spec}).encode()
        kind = {"configmaps": "ConfigMap", "secrets": "Secret"}.get(plural, "Deployment")
        data = {"n": base64.b64encode(b"%d" % number).decode()}
        return json.dumps({"apiVersion": "v1", "kind": kind, "metadata": metadata, "data": data}).encode()
