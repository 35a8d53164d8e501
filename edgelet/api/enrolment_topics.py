"""Where requests and replies of enrolment go."""

from __future__ import annotations

import re
from dataclasses import dataclass

from edgelet.api import node_name

CA = "cert/issued/ca"  # below a node's root; retained

_CLIENT = re.compile(r"[0-9a-f]{32}")
_ID = re.compile(r"[A-Za-z0-9_-]{1,64}")


def bootstrap_request(prefix: str, client: str) -> str:
    """Where one asks who cannot say yet who it is; `client` is 128 random bits in hex."""
    return f"{prefix}/_bootstrap/{client}/csr"


def bootstrap_reply(prefix: str, client: str) -> str:
    """Where the answer to that comes."""
    return f"{prefix}/_bootstrap/{client}/cert"


def renewal_request(identifier: str) -> str:
    """Where a node asks, below its own root."""
    return f"cert/csr/{identifier}"


def renewal_reply(identifier: str) -> str:
    """Where the answer to that comes, below the node's root."""
    return f"cert/issued/{identifier}"


def registrar_filters(prefix: str) -> tuple[str, str]:
    """What a registrar subscribes to."""
    return f"{prefix}/_bootstrap/+/csr", f"{prefix}/+/+/cert/csr/+"


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a request came from, and where its answer goes."""

    topic: str
    reply_topic: str
    node: str  # TENANT/NAME of the topic; "" for a bootstrap topic


def origin(prefix: str, topic: str) -> Origin | None:
    """Take a request's topic apart; None where it is none of ours."""
    below = topic.removeprefix(prefix + "/")
    if below == topic:
        return None
    match below.split("/"):
        case ["_bootstrap", client, "csr"] if _CLIENT.fullmatch(client):
            return Origin(topic, bootstrap_reply(prefix, client), "")
        case [tenant, name, "cert", "csr", identifier] if _ID.fullmatch(identifier) and identifier != "ca":
            node = f"{tenant}/{name}"
            if node_name.fault(node) is None:
                return Origin(topic, f"{prefix}/{node}/{renewal_reply(identifier)}", node)
    return None
