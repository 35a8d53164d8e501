"""Whether a link is fit for the field, in words."""

from __future__ import annotations

from edgelet.config.settings import Settings

_ADVICE = "this is for trying things out, NOT FOR THE FIELD: docs/SECURITY.md"


def weakness(settings: Settings) -> str:
    """Return what is wrong with the link to the broker, for people; "" where it has TLS and a certificate."""
    mqtt = settings.mqtt
    signed = "" if settings.trust.require_signature else " and decides what runs here"
    if mqtt.url.startswith("mqtt://"):
        return f"the link to {mqtt.url} is not encrypted: whoever is on the way reads along{signed}; {_ADVICE}"
    if mqtt.url.startswith("mqtts://") and not mqtt.client_cert:
        return f"the broker knows this board by a password at most: whoever has it speaks for this board; {_ADVICE}"
    return ""
