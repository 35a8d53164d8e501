"""The revocation lists as boards get them: with an answer to a join or a renewal, and with the retained notice."""

from __future__ import annotations

import logging

from edgelet.ca.authority import Authority
from edgelet.ca.issuers import ISSUING, ROOT

_log = logging.getLogger(__name__)


def text(authority: Authority, *, most: int) -> str:
    """PEM of the lists of all trusted authorities, roots first, in at most so many characters.

    A list that does not fit is left out: an answer without it is better than one that no board can read. Raises
    StorageError.
    """
    now, found, room = authority.now(), "", most
    for one in (*authority.issuers.trusted(ROOT, now), *authority.issuers.trusted(ISSUING, now)):
        pem = authority.issuers.newest_crl(one).decode()
        if len(pem) > room:
            _log.warning("boards do not get the revocation list of %s: it has %d characters", one.file_stem, len(pem))
            continue
        found, room = found + pem, room - len(pem)
    return found
