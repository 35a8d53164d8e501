"""A node that takes only what is signed: changes are gathered, then published as one generation.

The index goes first: a node keeps each payload on its disk as soon as an index names it.
"""

from __future__ import annotations

import base64
import hashlib
import sys
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from edgelet.adapters.signing.signing_key import SigningKey
from edgelet.adapters.signing.verifier import Ed25519Verifier
from edgelet.api import desired_index, dsse
from edgelet.api.desired_index import Index
from edgelet.api.errors import EdgeletError
from edgelet.cli import over_mqtt, passphrase, signed_index
from edgelet.cli.failure import CliError
from edgelet.cli.mqtt_session import MqttSession
from edgelet.cli.over_mqtt import MqttNode
from edgelet.cli.resources import Resource
from edgelet.cli.server import Applied
from edgelet.cli.signed_index import Change
from edgelet.cli.verb import Call
from edgelet.intake import envelope
from edgelet.ports.bus import Message

Document = dict[str, Any]

_JSON = "application/json"
_DESIRED = "desired/"


@dataclass(frozen=True, slots=True)
class Signing:
    """How to sign."""

    keys: tuple[SigningKey, ...]  # with more than one: for nodes that have not heard of the first yet
    index_file: Path
    life: timedelta
    epoch: int | None
    in_envelope: bool


def of(call: Call, session: MqttSession) -> SignedNode:
    """The node of a session, signed as the flags say. Raises CliError."""
    secret = passphrase.read(call.parsed.text("sign-passphrase-file"))
    try:
        keys = tuple(SigningKey.read(Path(path), passphrase=secret) for path in call.parsed.texts("sign"))
    except EdgeletError as error:
        raise CliError(error.message) from error
    file = call.parsed.text("index-file")
    signing = Signing(
        keys=keys,
        index_file=Path(file) if file else signed_index.default_file(call.environ, session.root),
        life=_life(call),
        epoch=call.parsed.integer("epoch") if call.parsed.given("epoch") else None,
        in_envelope=call.parsed.switch("envelope"),
    )
    if signing.life <= timedelta(0):
        raise CliError("--expires has to be more than nothing")
    signed_index.check_kept(signing.index_file)
    return SignedNode(session, signing)


def _life(call: Call) -> timedelta:
    try:
        life = timedelta(seconds=call.parsed.duration_s("expires"))
        _ = datetime.now(UTC) + life
    except OverflowError as error:
        raise CliError(f"--expires {call.parsed.text('expires')} ends after the last year there is, 9999") from error
    return life


class SignedNode(MqttNode):
    """A Server whose `apply` and `delete` take effect with `commit`."""

    def __init__(self, session: MqttSession, signing: Signing) -> None:
        """Read the present index. Raises CliError."""
        super().__init__(session)
        self._signing = signing
        self._trusted = {key.key_id: key.public for key in signing.keys}
        self._verify = Ed25519Verifier().verify
        topic = f"{session.root}/{desired_index.TOPIC}"
        shown = session.messages(desired_index.TOPIC, single=True).get(topic)
        file = signed_index.in_file(signing.index_file)
        try:
            broker = signed_index.on_broker(shown, topic=topic, keys=self._trusted, verify=self._verify)
        except CliError as error:
            if file is None:
                raise
            broker = None
            print(f"Warning: {error.message}; going on from {signing.index_file}", file=sys.stderr)
        self.present = signed_index.newest(broker, file)
        self._payloads: dict[str, tuple[bytes, str]] = {}  # path -> payload, content type
        self._removed: set[str] = set()

    def apply(self, resource: Resource, document: Document, query: Mapping[str, str]) -> Applied:
        """Take an object into the coming generation."""
        if "dryRun" in query:
            raise CliError("--dry-run=server cannot be used over MQTT: a message cannot be tried out")
        payload = over_mqtt.payload_of(document)
        metadata = document["metadata"]
        path = over_mqtt.path_of(resource, str(metadata.get("namespace", "")), str(metadata["name"]))
        before = self.present.objects.get(path) if self.present is not None else None
        self._payloads[path] = (payload, _JSON)
        if before == _digest(payload):
            return Applied("unchanged", document)
        return Applied("created" if before is None else "configured", document)

    def delete(
        self, resource: Resource, namespace: str, name: str, options: Document, query: Mapping[str, str]
    ) -> Document:
        """Leave an object out of the coming generation."""
        if "gracePeriodSeconds" in options or "dryRun" in query:
            raise CliError("--grace-period, --now, --force and --dry-run cannot be used over MQTT")
        path = over_mqtt.path_of(resource, namespace, name)
        if self.present is None or path not in self.present.objects:
            raise over_mqtt.absent(resource, name)
        self._removed.add(path)
        return self.find(resource, namespace, name) or {}

    @property
    def gathered(self) -> dict[str, str]:
        """What the coming generation has that is new or said again: path to digest."""
        return {path: _digest(payload) for path, (payload, _) in self._payloads.items()}

    def commit(self) -> None:
        """Publish the generation, if it says anything."""
        if self._payloads or self._removed:
            self.publish(Change(self.gathered))

    def also_by(self, key: SigningKey) -> SignedNode:
        """The same node, signed with one more key, which comes first."""
        self._signing = replace(self._signing, keys=(key, *self._signing.keys))
        return self

    def publish(self, change: Change) -> Index:
        """Sign the next index and publish it with all payloads that were gathered. Raises CliError."""
        change = Change(change.objects, frozenset(self._removed), change.keys)
        signing = self._signing
        index = signed_index.following(
            self.present, change, now=datetime.now(UTC), life=signing.life, epoch=signing.epoch
        )
        signed_index.keep(signing.index_file, index)
        self._publish_signed(desired_index.TOPIC, desired_index.encode(index), desired_index.CONTENT_TYPE)
        for path, (payload, content_type) in self._payloads.items():
            self._publish_signed(_DESIRED + path, payload, content_type)
        for path in sorted(self._removed):
            self._session.publish(_DESIRED + path, b"")  # the broker need not keep what nobody wants
        self.present = index
        self._payloads.clear()
        self._removed.clear()
        return index

    def take_all(self) -> list[str]:
        """Gather what the broker keeps of the present index, to be signed anew; returns the paths that it does not."""
        wanted = dict(self.present.objects) if self.present is not None else {}
        root = f"{self._session.root}/"
        for topic, message in self._session.messages(f"{_DESIRED}#", single=False).items():
            path = topic.removeprefix(root + _DESIRED)
            for payload, content_type in self._inside(topic, message):
                if wanted.get(path) == _digest(payload):
                    self._payloads[path] = (payload, content_type)
                    del wanted[path]
                    break
        return sorted(wanted)

    def _inside(self, topic: str, message: Message) -> list[tuple[bytes, str]]:
        """Return what a message may carry: what it is, and what an envelope of our own has inside."""
        found = [(message.payload, message.content_type)]
        try:
            opened = envelope.opened(
                message, topic=topic, keys=self._trusted, verify=self._verify, limit_bytes=len(message.payload)
            )
        except EdgeletError:
            return found
        return [(opened.payload, opened.content_type), *found]

    def _publish_signed(self, below: str, payload: bytes, content_type: str) -> None:
        body = dsse.signed_body(f"{self._session.root}/{below}", payload)
        signed = dsse.pae(content_type, body)
        signatures = tuple(dsse.Signature(key.key_id, key.sign(signed)) for key in self._signing.keys)
        if self._signing.in_envelope or len(signatures) > 1:
            self._session.publish(below, dsse.encode(dsse.Envelope(content_type, body, signatures)))
            return
        properties = {
            dsse.SIGNATURE: base64.b64encode(signatures[0].value).decode(),
            dsse.KEY_ID: signatures[0].keyid,
        }
        self._session.publish(below, payload, content_type=content_type, properties=properties)


def _digest(payload: bytes) -> str:
    return hashlib.sha256(payload).hexdigest()
