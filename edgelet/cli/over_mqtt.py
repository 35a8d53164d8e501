"""A node behind a broker: desired objects as retained messages, what it reports read from retained ones.

Topics: docs/PROTOCOL.md. A publish returns once the broker has it (PUBACK): the node acts when it is connected.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

from edgelet.api import topic_prefix
from edgelet.api.errors import EdgeletError
from edgelet.cli import mqtt_session
from edgelet.cli.failure import CliError, ServerError
from edgelet.cli.flags import Parsed
from edgelet.cli.mqtt_session import MqttSession
from edgelet.cli.resources import Resource
from edgelet.cli.server import Applied
from edgelet.remote import selectors

Document = dict[str, Any]

NODE = re.compile(r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?/[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?")
MAXIMUM_OBJECT_BYTES = 128 * 1024  # what a node takes


def connect(parsed: Parsed) -> MqttNode:
    """The node that the flags name, over the broker that they name.

    Raises:
        CliError: The broker cannot be reached, or refuses.
    """
    return MqttNode(session(parsed))


def session(parsed: Parsed) -> MqttSession:
    """The connection below the topics of the node that the flags name. Raises as `connect`."""
    node = parsed.text("node")
    if not NODE.fullmatch(node):
        raise CliError(f'--node "{node}" is not TENANT/NAME, two DNS labels')
    prefix = parsed.text("prefix").strip("/")
    if fault := topic_prefix.fault(prefix):
        raise CliError(f"--prefix {fault}")
    return mqtt_session.connect(parsed, root=f"{prefix}/{node}")


class MqttNode:
    """One node, as far as a broker can show and reach it: a Server."""

    def __init__(self, session: MqttSession) -> None:
        self._session = session

    def get(self, resource: Resource, namespace: str, name: str) -> Document:
        """Return what the node last reported of an object."""
        found = self.find(resource, namespace, name)
        if found is None:
            raise absent(resource, name)
        return found

    def find(self, resource: Resource, namespace: str, name: str) -> Document | None:
        """Return what the node last reported of an object; None if it has not."""
        if resource.kind == "Node":
            found = _reported(self._session, "status/node", resource)
            return next((one for one in found if one["metadata"]["name"] == name), None)
        return next(iter(_reported(self._session, f"status/{path_of(resource, namespace, name)}", resource)), None)

    def list(self, resource: Resource, namespace: str, query: Mapping[str, str] | None = None) -> Document:
        """Return what the node last reported of a type."""
        if resource.kind == "Node":
            below = "status/node"
        elif resource.namespaced:
            below = f"status/{resource.plural}/{_level(namespace) if namespace else '+'}/+"
        else:
            below = f"status/{resource.plural}/+"
        asked = query or {}
        try:
            selector = selectors.parse(
                labels=asked.get("labelSelector", ""), fields=asked.get("fieldSelector", ""), kind=resource.kind
            )
        except EdgeletError as error:
            raise CliError(error.message) from error
        items = [one for one in _reported(self._session, below, resource) if selector.matches(one)]
        items.sort(key=lambda one: (str(one["metadata"].get("namespace", "")), str(one["metadata"]["name"])))
        return {"apiVersion": "v1", "kind": "List", "metadata": {}, "items": items}

    def apply(self, resource: Resource, document: Document, query: Mapping[str, str]) -> Applied:
        """Publish the object as desired; returns when the broker has it."""
        if "dryRun" in query:
            raise CliError("--dry-run=server cannot be used over MQTT: a message cannot be tried out")
        payload = payload_of(document)
        metadata = document["metadata"]
        below = f"desired/{path_of(resource, str(metadata.get('namespace', '')), str(metadata['name']))}"
        before = self._session.collect(below, single=True)
        if payload in before.values():
            return Applied("unchanged", document)
        self._session.publish(below, payload)
        return Applied("configured" if before else "created", document)

    def commit(self) -> None:
        """Nothing is held back: each change was published by itself."""

    def delete(
        self, resource: Resource, namespace: str, name: str, options: Document, query: Mapping[str, str]
    ) -> Document:
        """Take the desired object away; returns when the broker has it."""
        if "gracePeriodSeconds" in options or "dryRun" in query:
            raise CliError("--grace-period, --now, --force and --dry-run cannot be used over MQTT")
        below = path_of(resource, namespace, name)
        reported = self.find(resource, namespace, name)
        if reported is None and not self._session.collect(f"desired/{below}", single=True):
            raise absent(resource, name)
        self._session.publish(f"desired/{below}", b"")
        return reported or {}


def payload_of(document: Document) -> bytes:
    """An object as it is published. Raises CliError where no node takes it."""
    payload = json.dumps(document, separators=(",", ":"), ensure_ascii=False).encode()
    if len(payload) > MAXIMUM_OBJECT_BYTES:
        raise CliError(f"the object has {len(payload)} bytes; a node takes {MAXIMUM_OBJECT_BYTES} at most")
    return payload


def _reported(session: MqttSession, below: str, resource: Resource) -> list[Document]:
    found = session.collect(below, single="+" not in below)
    return [_document(topic, payload, resource) for topic, payload in found.items()]


def _document(topic: str, payload: bytes, resource: Resource) -> Document:
    try:
        document = json.loads(payload)
        document["metadata"].setdefault("name", topic.rpartition("/")[2])
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise CliError(f"{topic} holds no Kubernetes object: {error}") from error
    return {**document, "apiVersion": resource.api_version, "kind": resource.kind}


def absent(resource: Resource, name: str) -> ServerError:
    """What a node says of an object that it does not have."""
    group = f".{resource.group}" if resource.group else ""
    message = f'{resource.plural}{group} "{name}" not found'
    details = {"name": name, "kind": resource.plural}
    return ServerError({"reason": "NotFound", "message": message, "details": details}, http_status=404)


def path_of(resource: Resource, namespace: str, name: str) -> str:
    """An object's part of a topic."""
    levels = (resource.plural, *((_level(namespace),) if resource.namespaced else ()), _level(name))
    return "/".join(levels)


def _level(text: str) -> str:
    """One level of a topic.

    Raises:
        CliError: The text is none.
    """
    if not text or any(letter in text for letter in "/+#\0"):
        raise CliError(f'"{text}" cannot be part of a topic')
    return text
