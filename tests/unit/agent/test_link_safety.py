from __future__ import annotations

from typing import Any

import pytest

from edgelet.agent import link_safety
from edgelet.config.settings import Settings

PAIR = {"client_cert": "/c", "client_key": "/k"}
SIGNED = {"require_signature": True, "signing_keys": "/keys"}


@pytest.mark.parametrize(
    ("mqtt", "trust", "words"),
    [
        ({"url": "mqtt://b"}, {}, "not encrypted: whoever is on the way reads along and decides what runs here"),
        ({"url": "mqtt://b", "username": "u"}, SIGNED, "not encrypted: whoever is on the way reads along;"),
        ({"url": "mqtts://b"}, {}, "by a password at most"),
        ({"url": "mqtts://b", **PAIR}, {}, ""),
        ({"url": ""}, {}, ""),
    ],
)
def test_a_link_that_is_not_for_the_field_says_so(mqtt: dict[str, Any], trust: dict[str, Any], words: str) -> None:
    found = link_safety.weakness(Settings.model_validate({"mqtt": mqtt, "trust": trust}))
    assert (words in found, bool(found)) == (True, bool(words))
    assert ("NOT FOR THE FIELD" in found) == bool(words)
