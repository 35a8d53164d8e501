"""What waits for one topic: the newest message whole, of every earlier one only what it takes to acknowledge it."""

from __future__ import annotations

from dataclasses import replace

from edgelet.ports.bus import Message


class Mailbox:
    """A mailbox of one, newest wins. `count` and `size_bytes` say what it holds."""

    def __init__(self) -> None:
        self._newest: Message | None = None
        self._taken_bytes = 0
        self._tokens: list[Message] = []  # without payload; all of them are acknowledged together

    @property
    def empty(self) -> bool:
        return self._newest is None

    @property
    def count(self) -> int:
        return len(self._tokens)

    @property
    def size_bytes(self) -> int:
        return self._taken_bytes + (0 if self._newest is None else len(self._newest.payload))

    def put(self, message: Message) -> None:
        """Take a message; the one before it will be acknowledged with it and never looked at."""
        self._tokens.append(replace(message, payload=b""))
        self._newest = message

    def take(self) -> Message:
        """Return the newest; its tokens stay until `settle`. Only when not empty."""
        message = self._newest
        if message is None:
            raise LookupError("the mailbox is empty")
        self._newest = None
        self._taken_bytes = len(message.payload)
        return message

    def put_back(self, message: Message) -> None:
        """Return what could not be dealt with, unless a newer one came meanwhile."""
        self._taken_bytes = 0
        if self._newest is None:
            self._newest = message

    def settle(self, upto: int) -> list[Message]:
        """Return and forget the first tokens: those that were there when the message was taken."""
        self._taken_bytes = 0
        settled, self._tokens = self._tokens[:upto], self._tokens[upto:]
        return settled
