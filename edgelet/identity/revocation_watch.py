"""Tells people about the revocation lists: a file that is damaged, lists that were refused, lists past their end."""

from __future__ import annotations

import logging
from datetime import UTC, datetime

from edgelet.api import time
from edgelet.api.revocations import KnownList
from edgelet.identity.clock_trust import JudgedTime
from edgelet.ports.events import EventSink
from edgelet.ports.object_store import Key
from edgelet.ports.own_certificate import CertificateFiles, RevokedNews

_log = logging.getLogger(__name__)


class RevocationWatch:
    """Says each thing once. Nothing of it stops the link: what is known is refused, and what is old is only told."""

    def __init__(self, files: CertificateFiles, *, events: EventSink, node: Key) -> None:
        self._files = files
        self._events = events
        self._node = node
        self._trouble = ""
        self._ended: frozenset[tuple[str, int]] = frozenset()

    def look(self, judged: JudgedTime) -> None:
        """Look at what is kept."""
        kept = self._files.revocations()
        if kept.trouble and kept.trouble != self._trouble:
            self._record("RevocationListsDamaged", kept.trouble)
        self._trouble = kept.trouble
        if not judged.exact:
            return
        ended = kept.known.ended(judged.at.timestamp())
        for one in ended:
            if (one.key, one.number) not in self._ended:
                self._record("RevocationListStale", _stale(one))
        self._ended = frozenset((one.key, one.number) for one in ended)

    def told(self, news: RevokedNews) -> None:
        """Take what came of lists that a message had."""
        if news.changed:
            known = self._files.revocations().known.lists
            lists = [f"{one.issuer}: {one.number}, {len(one.revoked)} revoked" for one in known]
            _log.info("newer revocation lists are kept", extra={"lists": "; ".join(lists)})
        if news.refused:
            self._record("RevocationListsRefused", "; ".join(news.refused))

    def _record(self, reason: str, message: str) -> None:
        self._events.record(self._node, "", type="Warning", reason=reason, message=message)


def _stale(one: KnownList) -> str:
    until = time.render(datetime.fromtimestamp(one.ends, UTC))
    return (
        f"Revocation list {one.number} of {one.issuer!r} ended on {until}: what it revokes is refused, what was "
        "revoked since is not known; does a registrar run (edgelet ca serve)?"
    )
