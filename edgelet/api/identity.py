"""Who a certificate speaks for: the common name, taken apart.

A node is `<tenant>/<node>`, a controller `<tenant>/_<name>`, a registrar `_registrar/<name>`, the broker of boards that
join `_join/<name>`. The name is the user of
the broker's ACL and the client id, so nothing that a topic filter understands may be in it. Source: docs/PROTOCOL.md.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from edgelet.api import names
from edgelet.api.errors import FieldError, InvalidObjectError

MAX_CHARACTERS = 64  # of a common name: X.520 ub-common-name
REGISTRARS = "_registrar"  # stands where others have their tenant
JOIN_BROKERS = "_join"


class Role(StrEnum):
    """What an identity may do."""

    NODE = "node"
    CONTROLLER = "controller"
    REGISTRAR = "registrar"
    JOIN_BROKER = "join-broker"  # bridges requests of boards without a certificate


_WITHOUT_TENANT = {REGISTRARS: Role.REGISTRAR, JOIN_BROKERS: Role.JOIN_BROKER}


@dataclass(frozen=True, slots=True)
class Identity:
    """A common name that was found good. `tenant` is empty where there is none; `name` has no underscore."""

    role: Role
    tenant: str
    name: str

    @property
    def common_name(self) -> str:
        """As it stands in the certificate."""
        match self.role:
            case Role.NODE:
                return f"{self.tenant}/{self.name}"
            case Role.CONTROLLER:
                return f"{self.tenant}/_{self.name}"
            case Role.REGISTRAR:
                return f"{REGISTRARS}/{self.name}"
            case Role.JOIN_BROKER:
                return f"{JOIN_BROKERS}/{self.name}"

    def __str__(self) -> str:
        return self.common_name


def parse(common_name: str) -> Identity:
    """Take a common name apart.

    Raises:
        InvalidObjectError: It is none of those.
    """
    fault = _fault(common_name)
    if fault:
        shown = common_name[: 2 * MAX_CHARACTERS].encode("unicode_escape").decode()
        raise InvalidObjectError("Identity", shown, (FieldError("commonName", fault),))
    first, _, second = common_name.partition("/")
    if first in _WITHOUT_TENANT:
        return Identity(_WITHOUT_TENANT[first], "", second)
    if second.startswith("_"):
        return Identity(Role.CONTROLLER, first, second[1:])
    return Identity(Role.NODE, first, second)


def node(common_name: str) -> Identity:
    """Take a common name apart that has to be a node's.

    Raises:
        InvalidObjectError: It is not.
    """
    found = parse(common_name)
    if found.role is not Role.NODE:
        fault = FieldError("commonName", f"names a {found.role}, a node is TENANT/NAME")
        raise InvalidObjectError("Identity", common_name, (fault,))
    return found


def _fault(common_name: str) -> str | None:
    if len(common_name) > MAX_CHARACTERS:
        return f"must be no more than {MAX_CHARACTERS} characters"
    if common_name.count("/") != 1:
        return "must be TENANT/NODE, TENANT/_CONTROLLER or _registrar/NAME: exactly one slash"
    first, _, second = common_name.partition("/")
    if first in _WITHOUT_TENANT:
        return names.dns_label(second)
    return names.dns_label(first) or names.dns_label(second.removeprefix("_"))
