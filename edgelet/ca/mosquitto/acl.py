"""The access lists of both brokers. What may be written where: docs/PROTOCOL.md."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from edgelet.api.identity import Identity, Role
from edgelet.ca.join_login import USER

_NODES = """\
# Made by `edgelet ca mosquitto`: the next run replaces what you change here.
# %u is the common name of the client's certificate: tenant/node. A pattern holds for every user.
pattern read {prefix}/%u/desired/#
pattern read {prefix}/%u/cmd/#
pattern read {prefix}/%u/stream/+/in
pattern read {prefix}/%u/cert/issued/#
pattern readwrite {prefix}/%u/sync
pattern readwrite {prefix}/%u/status/#
pattern write {prefix}/%u/events/#
pattern write {prefix}/%u/telemetry/#
pattern write {prefix}/%u/cmdstatus/#
pattern write {prefix}/%u/stream/+/out
pattern write {prefix}/%u/cert/csr/#
"""
_CONTROLLER = """
# Steers the boards of a tenant. It writes statuses only to clear what boards that are gone left behind.
user {name}
topic read {prefix}/{tenant}/#
topic write {prefix}/{tenant}/+/desired/#
topic write {prefix}/{tenant}/+/cmd/#
topic write {prefix}/{tenant}/+/stream/+/in
topic write {prefix}/{tenant}/+/status/#
topic deny {prefix}/{name}/#
topic deny {prefix}/{tenant}/+/cert/#
"""
_REGISTRAR = """
# Answers boards that ask for certificates.
user {name}
topic readwrite {prefix}/_bootstrap/+/csr
topic write {prefix}/_bootstrap/+/cert
topic read {prefix}/+/+/cert/csr/#
topic write {prefix}/+/+/cert/issued/#
topic deny {prefix}/_registrar/#
"""
_JOIN = """
# The broker of boards without a certificate brings their requests and takes the answers.
user {name}
topic write {prefix}/_bootstrap/+/csr
topic read {prefix}/_bootstrap/+/cert
topic deny {prefix}/_join/#
"""
_SHUT_OUT = """
# Revoked. The revocation list refuses new connections, this one silences those that are open.
user {name}
topic deny #
"""
_JOINERS = """\
# Made by `edgelet ca mosquitto`: the next run replaces what you change here.
# Each board that joins has one topic for its request and one for the answer, by its random client id.
user {user}
pattern write {prefix}/_bootstrap/%c/csr
pattern read {prefix}/_bootstrap/%c/cert
"""


@dataclass(frozen=True, slots=True)
class Identities:
    """Who needs lines of his own."""

    clients: tuple[Identity, ...]  # with a good certificate; nodes among them need none
    shut_out: tuple[str, ...] = ()  # common names that were revoked and have no good certificate


def field(identities: Identities, *, prefix: str) -> str:
    """The list of the broker for whoever has a certificate."""
    parts = [_NODES.format(prefix=prefix)]
    parts += [
        _TEXTS[one.role].format(prefix=prefix, name=one.common_name, tenant=one.tenant)
        for one in _ordered(identities.clients)
        if one.role in _TEXTS
    ]
    parts += [_SHUT_OUT.format(name=name) for name in sorted(identities.shut_out)]
    return "".join(parts)


def join(*, prefix: str) -> str:
    """The list of the broker for whoever has none."""
    return _JOINERS.format(prefix=prefix, user=USER)


_TEXTS = {Role.CONTROLLER: _CONTROLLER, Role.REGISTRAR: _REGISTRAR, Role.JOIN_BROKER: _JOIN}


def _ordered(clients: Iterable[Identity]) -> list[Identity]:
    roles = list(_TEXTS)
    return sorted({one for one in clients if one.role in _TEXTS}, key=lambda one: (roles.index(one.role), str(one)))
