"""A new root or issuing certificate beside the old one, and the old one's end.

Three steps, days or months apart, so that brokers and boards know the new one before anybody uses it: `begin`, `use`,
`drop`. Brokers need the new one's revocation list before its first certificate, or they refuse that one.
"""

from __future__ import annotations

import re

from edgelet.api.errors import ConflictError, NotFoundError
from edgelet.ca import publication, register
from edgelet.ca.authority import Authority
from edgelet.ca.issuers import ISSUING, ROOT, Issuer


def begin(authority: Authority, role: str) -> Issuer:
    """Make a new one of `role` (root, issuing): trusted from now on, not yet used.

    A new root is also signed by the one before it, so that boards that know only that one follow. A new issuing
    certificate stands below the newest root.

    Raises:
        ConflictError: One is on its way already.
        StorageError: A key is missing: the root's has to be there; or the database has no certificate.
    """
    with authority.database.transaction():
        now = authority.now()
        waiting = [one for one in authority.issuers.trusted(role, now) if one.state == "coming"]
        if waiting:
            raise ConflictError(f"{waiting[0].file_stem} is on its way already: use it first, or drop it")
        newest = max(authority.issuers.required(), key=lambda one: (one.role == role, one.generation))
        name = re.sub(r" \d+$", "", newest.certificate.common_name)
        made = authority.issuers.add(role, name=name, state="coming", now=now)
        authority.note("roll", made.certificate.common_name, detail={"step": "begin", "serial": made.serial})
    publication.publish(authority)
    return made


def use(authority: Authority) -> Issuer:
    """Sign with the new issuing certificate from now on; its root, if that is new, is the current one then.

    Raises:
        NotFoundError: None is on its way.
    """
    with authority.database.transaction():
        now = authority.now()
        waiting = [one for one in authority.issuers.trusted(ISSUING, now) if one.state == "coming"]
        if not waiting:
            raise NotFoundError("no issuing certificate is on its way: begin with edgelet ca roll issuing")
        made = waiting[0]
        _become_current(authority, made)
        _become_current(authority, authority.issuers.of(made.parent))
        authority.note("roll", made.certificate.common_name, detail={"step": "use", "serial": made.serial})
    publication.publish(authority)
    return authority.issuers.of(made.serial)


def drop(authority: Authority, role: str, *, force: bool = False) -> list[Issuer]:
    """Trust those of `role` no more that are not in use; returns them.

    With `force` also those whose certificates are still good: all of these are lost, as after the theft of its key.

    Raises:
        NotFoundError: Only the current one is there.
        ConflictError: Certificates of one are still good, or an issuing certificate stands below a root.
    """
    with authority.database.transaction():
        now = authority.now()
        found = [one for one in authority.issuers.trusted(role, now) if one.state in {"former", "coming"}]
        if not found:
            raise NotFoundError(f"there is no {role} certificate beside the current one")
        for one in found:
            _drop(authority, one, force=force)
        parents = {one.parent for one in found if role == ISSUING}
        for root in authority.issuers.trusted(ROOT, now):
            if root.serial in parents and authority.issuers.has_key(root):
                authority.issuers.sign_crl(root, now)
    publication.publish(authority)
    return found


def _become_current(authority: Authority, made: Issuer) -> None:
    for one in authority.issuers.all():
        if one.role == made.role and one.state == "current" and one.serial != made.serial:
            authority.issuers.set_state(one, "former")
    authority.issuers.set_state(made, "current")


def _drop(authority: Authority, one: Issuer, *, force: bool) -> None:
    now = authority.now()
    if one.role == ROOT:
        below = [low.file_stem for low in authority.issuers.trusted(ISSUING, now) if low.parent == one.serial]
        if below:
            raise ConflictError(f"{', '.join(below)} stands below {one.file_stem}: roll and drop the issuing first")
    good = register.unfinished(authority.database, one.serial, now)
    if good and not force:
        raise ConflictError(f"{len(good)} certificates of {one.file_stem} are still good: wait, or force it")
    for record in good:
        register.revoke(authority.database, record, at=now, reason="superseded")
    authority.issuers.set_state(one, "dropped")
    authority.note(
        "roll", one.certificate.common_name, detail={"step": "drop", "serial": one.serial, "lost": len(good)}
    )
