"""ports.own_certificate.CertificateFiles on the files that the settings name."""

from __future__ import annotations

import asyncio
import contextlib
import secrets
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from edgelet.adapters.identity import child, revoked_file
from edgelet.adapters.identity.pair_store import PairStore
from edgelet.adapters.mqtt.tls_files import TlsFiles
from edgelet.api.errors import BusError
from edgelet.api.revocations import Revocations
from edgelet.ports.own_certificate import (
    AuthoritiesNews,
    KeptRevocations,
    OwnCertificate,
    RegistrarQuestion,
    RegistrarReply,
    RevokedNews,
)

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_Stamp = tuple[tuple[int, int, int], ...]


@dataclass(frozen=True, slots=True)
class _Seen:
    stamp: _Stamp
    found: OwnCertificate | BusError


class PemFiles:
    """Certificate, key and authorities as PEM files; the stage is a directory beside the certificate."""

    def __init__(
        self,
        *,
        certificate: Path,
        key: Path,
        authorities: Path | None,
        node: str,
        at_least: Callable[[], datetime] = lambda: _EPOCH,
        proven: Callable[[], datetime] = lambda: _EPOCH,
    ) -> None:
        """`node` is TENANT/NAME.

        `at_least` tells a time that is over as far as the board knows, `proven` one that certainly is.
        """
        self._store = PairStore(certificate, key, authorities)
        self._node = node
        self._at_least = at_least
        self._proven = proven
        self._seen: _Seen | None = None
        self._kept: tuple[_Stamp, KeptRevocations] | None = None

    @property
    def staged_pair(self) -> TlsFiles:
        """What to try a connection with: the staged pair, and the staged authorities where there are some."""
        store = self._store
        authorities = store.staged_authorities if store.staged_authorities.exists() else store.authorities
        return TlsFiles(ca=str(authorities or ""), certificate=str(store.staged_certificate), key=str(store.staged_key))

    @property
    def staged_authorities(self) -> TlsFiles:
        """What to try a connection with: the present pair and the staged authorities."""
        store = self._store
        return TlsFiles(ca=str(store.staged_authorities), certificate=str(store.certificate), key=str(store.key))

    def read(self) -> OwnCertificate:
        """Look at the pair, unless its files are those of the last look. See ports.own_certificate."""
        store = self._store
        stamp = _stamp(store.certificate, store.key, *([store.authorities] if store.authorities else []))
        if self._seen is None or self._seen.stamp != stamp:
            self._seen = _Seen(stamp, self._look())
        if isinstance(self._seen.found, BusError):
            raise self._seen.found
        return self._seen.found

    def _look(self) -> OwnCertificate | BusError:
        from edgelet.adapters.identity import inspection  # noqa: PLC0415  OpenSSL: a plain link does without

        try:
            return inspection.inspect(self._store.certificate, self._store.key, self._store.authorities)
        except BusError as error:
            return error

    def revocations(self) -> KeptRevocations:
        """See ports.own_certificate. May be called from any thread."""
        authorities = self._store.authorities
        if authorities is None:
            return KeptRevocations()
        path = revoked_file.beside(authorities)
        stamp, kept = _stamp(path), self._kept
        if kept is None or kept[0] != stamp:
            kept = self._kept = (stamp, revoked_file.read(path))
        return kept[1]

    def known_revocations(self) -> Revocations:
        """Return what a connection is judged by."""
        return self.revocations().known

    async def request(self) -> RegistrarQuestion:
        """See ports.own_certificate."""
        self._store.open_stage()
        answer = await child.ask(
            self._question("request") | {"certificate": str(self._store.certificate), "key": str(self._store.key)}
        )
        return RegistrarQuestion(answer["payload"].encode(), answer["nonce"])

    def time_request(self) -> RegistrarQuestion:
        """See ports.own_certificate."""
        from edgelet.api import enrolment  # noqa: PLC0415  0.3 MB that a board with a good clock does without

        nonce = secrets.token_hex(enrolment.NONCE_CHARACTERS // 2)
        return RegistrarQuestion(enrolment.encode_request(enrolment.TimeRequest(nonce=nonce)), nonce)

    async def accept(self, answer: bytes, *, nonce: str) -> RegistrarReply:
        """See ports.own_certificate."""
        with contextlib.suppress(BusError):  # the time alone needs no stage; what does says so
            self._store.open_stage()
        said = await child.ask(self._question("accept") | {"answer": answer.decode(errors="replace"), "nonce": nonce})
        reply = RegistrarReply(
            code=said["code"],
            time=datetime.fromtimestamp(said["time"], UTC),
            reason=said["reason"],
            message=said["message"],
        )
        more = {name: said.get(name, False) for name in ("certificate", "authorities")}
        return replace(reply, **more, revoked=_news(said))

    def forget_request(self) -> None:
        """See ports.own_certificate."""
        for path in (self._store.staged_certificate, self._store.staged_key):
            with contextlib.suppress(OSError):  # a disk that refuses this refuses the next request too, with words
                path.unlink()

    async def accept_authorities(self, message: bytes, *, epoch: int) -> AuthoritiesNews | None:
        """See ports.own_certificate."""
        self._store.open_stage()
        told = {"message": message.decode(errors="replace"), "epoch": epoch}
        said = await child.ask(self._question("authorities") | told)
        return None if said["epoch"] is None else AuthoritiesNews(said["epoch"], said["changed"], _news(said))

    async def install_pair(self) -> None:
        """See ports.own_certificate."""
        await asyncio.to_thread(self._store.install_pair)

    async def install_authorities(self) -> None:
        """See ports.own_certificate."""
        await asyncio.to_thread(self._store.install_authorities)

    def _question(self, do: str) -> dict[str, Any]:
        store = self._store
        if store.authorities is None:
            raise BusError("CertificateInvalid", "cannot renew the certificate: [mqtt] ca names no file to trust")
        return {
            "do": do,
            "node": self._node,
            "authorities": str(store.authorities),
            "staged_certificate": str(store.staged_certificate),
            "staged_key": str(store.staged_key),
            "staged_authorities": str(store.staged_authorities),
            "revoked": str(revoked_file.beside(store.authorities)),
            "at_least": self._at_least().timestamp(),
            "proven": self._proven().timestamp(),
        }


def _news(said: dict[str, Any]) -> RevokedNews:
    found = said.get("revoked", {})
    return RevokedNews(found.get("some", False), found.get("changed", False), tuple(found.get("refused", ())))


def _stamp(*paths: Path) -> _Stamp:
    found = []
    for path in paths:
        try:
            seen = path.stat()
        except OSError:
            found.append((0, 0, 0))
        else:
            found.append((seen.st_ino, seen.st_mtime_ns, seen.st_size))
    return tuple(found)
