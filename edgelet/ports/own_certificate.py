"""The board's own certificate and key: what they are, and how a new pair takes their place."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol

from edgelet.api.revocations import Revocations


@dataclass(frozen=True, slots=True, kw_only=True)
class OwnCertificate:
    """What a good pair says of itself; dates and name are not judged yet."""

    path: str
    common_name: str
    serial: str  # hex
    not_before: datetime
    not_after: datetime


@dataclass(frozen=True, slots=True)
class RegistrarQuestion:
    """What to publish on cert/csr, and the nonce that its answer carries."""

    payload: bytes
    nonce: str


@dataclass(frozen=True, slots=True)
class KeptRevocations:
    """What is known to be revoked."""

    known: Revocations = field(default_factory=Revocations)
    lost: bool = False  # there is no file that can be read
    trouble: str = ""  # why not, where there is one


@dataclass(frozen=True, slots=True)
class RevokedNews:
    """What came of revocation lists that a message had."""

    some: bool = False  # there were some of authorities that are trusted
    changed: bool = False  # newer ones are kept now
    refused: tuple[str, ...] = ()  # why others are not, in words


@dataclass(frozen=True, slots=True, kw_only=True)
class RegistrarReply:
    """An answer whose signer our authorities vouch for. Code 200: granted; 202: ask again later; else refused."""

    code: int
    time: datetime  # the registrar's
    reason: str = ""
    message: str = ""
    certificate: bool = False  # a new pair is staged
    authorities: bool = False  # other authorities than ours came along and are staged
    revoked: RevokedNews = field(default_factory=RevokedNews)


@dataclass(frozen=True, slots=True)
class AuthoritiesNews:
    """A message about authorities that is not older than what was known."""

    epoch: int
    changed: bool  # they differ from ours and are staged
    revoked: RevokedNews = field(default_factory=RevokedNews)


class CertificateFiles(Protocol):
    """The pair and the authorities on disk.

    What is new is staged beside them, survives a restart there, and is put in place in one step: nobody sees a mixture
    of old and new, whenever the power goes.
    """

    def read(self) -> OwnCertificate:
        """Read the present pair; from memory while the files are the same.

        Raises:
            BusError: CertificateInvalid: a file cannot be read, or a broker would not take key, chain or usage.
        """
        ...

    async def request(self) -> RegistrarQuestion:
        """Stage a new key, or take the one that is staged, and ask for a certificate in the name of the present one.

        Raises:
            BusError: CertificateInvalid.
        """
        ...

    def time_request(self) -> RegistrarQuestion:
        """Ask for the signed time."""
        ...

    async def accept(self, answer: bytes, *, nonce: str) -> RegistrarReply:
        """Check an answer and stage what came with it.

        Raises:
            BusError: CertificateInvalid: signed by nobody we trust, for another key or node, or not understood.
        """
        ...

    def forget_request(self) -> None:
        """Drop the staged key and certificate: the next request has a new key."""
        ...

    async def accept_authorities(self, message: bytes, *, epoch: int) -> AuthoritiesNews | None:
        """Stage the authorities of a message signed under the present ones; None: it is older than `epoch`.

        Of one with the same number, and of newer ones, the revocation lists are kept at once.

        Raises:
            BusError: CertificateInvalid.
        """
        ...

    def revocations(self) -> KeptRevocations:
        """Return what is known to be revoked; from memory while the file is the same. Never raises EdgeletError."""
        ...

    async def install_pair(self) -> None:
        """Put the staged pair in place; the one before is kept until the next success. Raises BusError."""
        ...

    async def install_authorities(self) -> None:
        """Put the staged authorities in place; the file before is kept beside it. Raises BusError."""
        ...


class IdentityLink(Protocol):
    """The ways to the registrar, and the trial of what is staged."""

    @property
    def connected(self) -> bool: ...

    async def send(self, question: RegistrarQuestion) -> None:
        """Publish on cert/csr; the answer comes as a message of the bus. Raises BusError."""
        ...

    async def ask_at_join_listener(self, question: RegistrarQuestion, *, timeout_s: float) -> bytes:
        """Ask where one needs no certificate; returns the answer. Raises BusError: no answer, no such listener."""
        ...

    async def take_up_pair(self) -> None:
        """Connect anew with the staged pair; the session goes on. Raises BusError: the old connection goes on."""
        ...

    async def try_authorities(self) -> None:
        """Shake hands with the broker trusting the staged authorities only. Raises BusError."""
        ...

    def judge_again(self) -> None:
        """End the connection if what is known now says that the broker's certificate was revoked."""
        ...

    def hurry(self) -> None:
        """Try to connect now: what made the last attempt fail has changed."""
        ...
