"""What will end soon and that nobody renews by itself, told in time by every command that writes."""

from __future__ import annotations

from datetime import timedelta

from edgelet.api.identity import Role
from edgelet.ca import register
from edgelet.ca.authority import Authority
from edgelet.ca.issuers import ISSUING, ROOT
from edgelet.ca.terms import of_days

_SOON = timedelta(days=14)
_ROOT_SOON = timedelta(days=365)


def soon(authority: Authority) -> tuple[str, ...]:
    """Sentences: what ends, when, and what helps. Boards are not in them, they renew."""
    now = authority.now()
    found = []
    ahead = {ISSUING: 2 * of_days(authority.terms.client_days), ROOT: _ROOT_SOON}
    for role, before in ahead.items():
        newest = max(authority.issuers.trusted(role, now), key=lambda one: one.generation, default=None)
        if newest is not None and newest.certificate.not_after < now + before:
            end = newest.certificate.not_after
            found.append(f"{newest.file_stem} ends at {end:%Y-%m-%d}: make the next one with edgelet ca roll {role}")
    clients = register.last_of_names(authority.database, now, roles=(Role.CONTROLLER, Role.REGISTRAR))
    found += [
        f"the certificate of {one.common_name} ends at {one.not_after:%Y-%m-%d}: edgelet ca issue {one.common_name}"
        for one in clients
        if one.not_after < now + min(_SOON, (one.not_after - one.not_before) / 3)
    ]
    return tuple(found)
