"""The message bus: what came, when to acknowledge it, and what is sent."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass, field
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Message:
    """One message that arrived. `topic` is below the node's root: desired/pods/default/web."""

    topic: str
    payload: bytes
    qos: int
    retained: bool
    connection: int  # number of the connection it came over: an acknowledgement is good for that one only
    packet_id: int
    properties: Mapping[str, str] = field(default_factory=dict)  # user properties
    content_type: str = ""
    response_topic: str = ""
    correlation_data: bytes = b""


@dataclass(frozen=True, slots=True)
class Connected:
    """A connection stands and all subscriptions are made anew; retained messages follow."""

    connection: int
    session_present: bool
    maximum_packet_bytes: int


@dataclass(frozen=True, slots=True)
class Synced:
    """The barrier came back: every retained message that the broker had at (re)subscription was delivered before."""

    connection: int


@dataclass(frozen=True, slots=True)
class Disconnected:
    """The connection is gone, or an attempt failed; `reason` is for people. The adapter is already trying again."""

    connection: int
    reason: str
    fighting: bool = False  # several short connections in a row: another client seems to use the same client id
    code: str = (
        ""  # CertificateInvalid, CertificateExpired, NotAuthorized ...: the reason for machines, where there is one
    )


BusEvent = Message | Connected | Synced | Disconnected


@dataclass(frozen=True, slots=True)
class Will:
    """What the broker says for us when we vanish."""

    topic: str
    payload: bytes
    delay_s: int


class Bus(Protocol):
    """One node's end of the broker. Topics are given without the node's root.

    The inbox is bounded by the adapter: while it is full nothing is read from the socket.
    """

    @property
    def connected(self) -> bool: ...

    def events(self) -> AsyncIterator[BusEvent]:
        """What happens, in order. One reader."""
        ...

    def acknowledge(self, message: Message) -> None:
        """Tell the broker that the message is safe. For an older connection it does nothing."""
        ...

    def set_will(self, make: Callable[[int], Will]) -> None:
        """Have each connection's will made from its number, before it connects."""
        ...

    async def publish(
        self, topic: str, payload: bytes, *, qos: int = 1, retain: bool = False, expiry_s: int | None = None
    ) -> None:
        """Return when the broker has it (QoS 1: PUBACK).

        Raises:
            BusError: Not connected (BrokerUnavailable), denied by the broker's ACL (NotAuthorized), or larger than the
                broker takes (PacketTooLarge; never sent, so that it cannot block the rest).
        """
        ...

    async def retained_topics(self, below: str) -> frozenset[str]:
        """Return the topics that the broker retains below one of the node's own, such as "status/".

        Not for every day: the broker sends all of it. A broker that lets the node not read gives nothing.

        Raises:
            BusError: Not connected, refused, or the connection ended meanwhile.
        """
        ...
