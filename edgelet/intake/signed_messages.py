"""The seam where signed mode begins: every message on desired/ and cmd/ is judged by its signature alone first."""

from __future__ import annotations

from dataclasses import dataclass

from edgelet.api.errors import EdgeletError
from edgelet.intake import desired_topics, envelope, mqtt_source
from edgelet.intake.command_guard import CommandGuard
from edgelet.intake.signed_desired import SignedDesired
from edgelet.ports.bus import Message
from edgelet.ports.signatures import SignatureVerifier


@dataclass(frozen=True, slots=True, kw_only=True)
class SignedMessages:
    """Signed mode as a source sees it."""

    root: str  # of the node's topics, with the slash at its end
    desired: SignedDesired
    commands: CommandGuard
    verifier: SignatureVerifier
    max_object_bytes: int

    def authentic(self, message: Message) -> Message:
        """Return the message as it was signed; one that is no desired state and no command as it is.

        An empty payload on desired/ is let through: it says nothing, and deletes nothing.

        Raises:
            EdgeletError: Unauthorized, Forbidden, RequestEntityTooLarge; see `envelope.opened`.
        """
        is_desired = message.topic.startswith(desired_topics.PREFIX)
        if not (is_desired or message.topic.startswith(mqtt_source.COMMANDS)) or (is_desired and not message.payload):
            return message
        try:
            return envelope.opened(
                message,
                topic=self.root + message.topic,
                keys=self.desired.keys,
                verify=self.verifier.verify,
                limit_bytes=self.max_object_bytes,
            )
        except EdgeletError:
            # Signed by a key of earlier, perhaps; the index in force vouches for these very bytes.
            if is_desired and self.desired.names(message.topic.removeprefix(desired_topics.PREFIX), message.payload):
                return message
            raise
