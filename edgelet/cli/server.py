"""Whom a verb talks to: the agent on this machine, or a node behind a broker."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, Protocol

from edgelet.cli.failure import CliError

if TYPE_CHECKING:
    from edgelet.cli.resources import Resource
    from edgelet.cli.verb import Call

Document = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Applied:
    """What an apply did, and the object as it is now."""

    verdict: Literal["created", "configured", "unchanged"]
    document: Document


class Server(Protocol):
    """Objects by type, namespace and name. Every method raises ServerError for a refusal, CliError for silence."""

    def get(self, resource: Resource, namespace: str, name: str) -> Document:
        """Return one object."""
        ...

    def find(self, resource: Resource, namespace: str, name: str) -> Document | None:
        """Return one object, None if there is no such."""
        ...

    def list(self, resource: Resource, namespace: str, query: Mapping[str, str] | None = None) -> Document:
        """Return the objects of a type as a list document; with no namespace: of all."""
        ...

    def apply(self, resource: Resource, document: Document, query: Mapping[str, str]) -> Applied:
        """Create or change an object to what the document says."""
        ...

    def delete(
        self, resource: Resource, namespace: str, name: str, options: Document, query: Mapping[str, str]
    ) -> Document:
        """Ask for deletion."""
        ...

    def commit(self) -> None:
        """Have all changes since the last commit take effect, where they do so together."""
        ...


def reach(call: Call) -> Server:
    """The node that `--node` and `--broker` name, or else the agent on this machine."""
    node, broker = call.parsed.text("node"), call.parsed.text("broker")
    if bool(node) != bool(broker):
        raise CliError("--node TENANT/NAME and --broker URL go together")
    is_signed = "sign" in call.parsed.declared and call.parsed.given("sign")
    if is_signed and not node:
        raise CliError("--sign goes with --node and --broker: what is local need not be signed")
    if not node:
        return call.agent()
    from edgelet.cli import over_mqtt  # noqa: PLC0415  paho, for these flags alone

    if is_signed:
        from edgelet.cli import signed_node  # noqa: PLC0415  cryptography, for this flag alone

        return signed_node.of(call, over_mqtt.session(call.parsed))
    return over_mqtt.connect(call.parsed)
