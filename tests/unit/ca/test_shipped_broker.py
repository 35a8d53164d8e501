from __future__ import annotations

from pathlib import Path

import pytest

from edgelet.api import identity
from edgelet.ca.mosquitto import acl, settings
from edgelet.ca.mosquitto.acl import Identities
from edgelet.ca.mosquitto.settings import Places

SHIPPED = Path(__file__).parents[3] / "configs" / "mosquitto"
EXAMPLE = Identities(tuple(map(identity.parse, ("default/_ctl-0", "_registrar/main", "_join/main"))))


@pytest.mark.parametrize(
    ("name", "made"),
    [
        ("field.conf", settings.field(Places())),
        ("join.conf", settings.join(Places())),
        ("edgelet-broker@.service", settings.unit(Places())),
        ("acl", acl.field(EXAMPLE, prefix="edgelet/v1")),
        ("join-acl", acl.join(prefix="edgelet/v1")),
    ],
)
def test_what_is_shipped_is_what_the_command_makes(name: str, made: str) -> None:
    assert (SHIPPED / name).read_text() == made
