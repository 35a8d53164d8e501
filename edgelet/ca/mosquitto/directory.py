"""The brokers' directory, brought up to date: only what is not as it should be is written."""

from __future__ import annotations

import grp
import secrets
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path

from edgelet.adapters.host import durable_file
from edgelet.adapters.x509 import certificates, keys, requests
from edgelet.api import identity
from edgelet.api.errors import EdgeletError, StorageError
from edgelet.ca import register, revocation_lists
from edgelet.ca.authority import Authority
from edgelet.ca.issuers import ISSUING
from edgelet.ca.mosquitto import acl, password, settings
from edgelet.ca.mosquitto.acl import Identities
from edgelet.ca.mosquitto.settings import Places
from edgelet.ca.records import Issued, Record

LOCAL_HOSTS = ("localhost", "127.0.0.1")  # for the bridge, and for whoever tries things out on the machine itself
READABLE = 0o640  # for the broker's group
_MOST_BYTES = 1024 * 1024
_BRIDGE_SECRET = "join-bridge-client-id"  # noqa: S105  a fact's key


@dataclass(frozen=True, slots=True)
class Prepared:
    """What was done: the files that changed, and which of both brokers has to hear of it."""

    changed: tuple[str, ...]

    @property
    def reload(self) -> bool:
        """Whether a reload of the broker for the field makes it known."""
        return any(name in {"acl", "ca.crt", "crl.pem", "server.crt", "server.key"} for name in self.changed)

    @property
    def restart_field(self) -> bool:
        """Whether that broker has to be started anew: listeners are not read at a reload."""
        return settings.FIELD in self.changed

    @property
    def restart_join(self) -> bool:
        """Whether the broker for joining has to be started anew: bridges are not read at a reload."""
        theirs = {settings.JOIN, "join-acl", "join-passwords", "bridge.crt", "bridge.key", "ca.crt", "server.crt"}
        return any(name in theirs for name in self.changed)


def prepare(
    authority: Authority, directory: Path, places: Places, *, hosts: Sequence[str], group: str = "mosquitto"
) -> Prepared:
    """Write settings, access lists, logins and certificates; what is good stays as it is.

    `hosts` are names and addresses of the broker beside localhost. Keys and logins are for `group` to read where this
    machine has such a group: mosquitto reads them as its own user at a reload.

    Raises:
        StorageError: The directory cannot be written.
        EdgeletError: As Authority.issue_broker and issue_client do.
    """
    revocation_lists.refresh(authority)
    files = _Files(directory, _group_id(group))
    places = replace(places, bridge_secret=_bridge_secret(authority))
    wanted = tuple(dict.fromkeys((*hosts, *LOCAL_HOSTS)))
    files.keep_pair(
        "server",
        authority,
        Wanted(
            wanted[0][:64],
            frozenset(wanted),
            lambda csr: authority.issue_broker(csr, wanted, reason="broker"),
        ),
    )
    files.keep_pair(
        "bridge",
        authority,
        Wanted(
            places.bridge_name,
            frozenset(),
            lambda csr: authority.issue_client(
                csr, places.bridge_name, reason="broker for joining", days=authority.terms.broker_days
            ),
        ),
    )
    files.keep("ca.crt", authority.bundle())
    files.keep("crl.pem", authority.crl())
    files.keep("acl", acl.field(_identities(authority), prefix=places.prefix).encode(), mode=READABLE)
    files.keep("join-acl", acl.join(prefix=places.prefix).encode(), mode=READABLE)
    login = authority.join_login()
    if not password.matches(files.text("join-passwords"), login.user, login.password):
        files.keep("join-passwords", password.line(login.user, login.password).encode(), mode=READABLE)
    files.keep(settings.FIELD, settings.field(places).encode())
    files.keep(settings.JOIN, settings.join(places).encode(), mode=READABLE)
    files.keep(settings.UNIT, settings.unit(places).encode())
    return Prepared(tuple(files.changed))


@dataclass(frozen=True, slots=True)
class Wanted:
    """A certificate that shall be there."""

    common_name: str
    hosts: frozenset[str]
    issue: Callable[[bytes], Issued]  # takes a request in PEM


class _Files:
    """One directory, and what was changed in it."""

    def __init__(self, directory: Path, group: int | None) -> None:
        self._directory = directory
        self._group = group
        self.changed: list[str] = []
        try:
            directory.mkdir(mode=0o755, parents=True, exist_ok=True)
        except OSError as error:
            raise StorageError(f"cannot make {directory}: {error.strerror or error}", retry_after=None) from error

    def text(self, name: str) -> str:
        """What is there; empty where nothing is."""
        with suppress(OSError, UnicodeDecodeError):
            return (self._directory / name).read_text()
        return ""

    def keep(self, name: str, data: bytes, *, mode: int = durable_file.PUBLIC) -> None:
        """Have these bytes there."""
        with suppress(OSError):
            if (self._directory / name).read_bytes() == data:
                return
        group = self._group if mode == READABLE else None
        durable_file.write(self._directory / name, data, mode=mode, group=group)
        self.changed.append(name)

    def keep_pair(self, name: str, authority: Authority, wanted: Wanted) -> None:
        """Have a good certificate and its key there; a new pair where a third of its life is left or less."""
        if self._is_good(name, authority, wanted):
            return
        key = keys.generate()
        issued = wanted.issue(requests.make(key, wanted.common_name))
        # Killed between the two, the next run finds that they do not belong together.
        self.keep(f"{name}.key", keys.encode(key), mode=READABLE)
        self.keep(f"{name}.crt", issued.certificate_pem)

    def _is_good(self, name: str, authority: Authority, wanted: Wanted) -> bool:
        try:
            leaf, *_ = certificates.read(durable_file.read(self._directory / f"{name}.crt", most_bytes=_MOST_BYTES))
            key = keys.load(self._directory / f"{name}.key")
        except EdgeletError:
            return False
        record = authority.find(leaf.serial)
        return (
            record is not None
            and record.revoked_at is None
            and record.issuer == authority.issuers.current(ISSUING, authority.now()).serial
            and _is_young(record, authority)
            and leaf.common_name == wanted.common_name
            and frozenset(leaf.hosts) == wanted.hosts
            and leaf.key_digest == keys.digest(key.public_key())
        )


def _is_young(record: Record, authority: Authority) -> bool:
    return authority.now() < record.not_before + (record.not_after - record.not_before) * 2 / 3


def _identities(authority: Authority) -> Identities:
    good = register.good_names(authority.database, authority.now(), but_for={register.BROKER, identity.Role.NODE.value})
    return Identities(tuple(map(identity.parse, good)), tuple(authority.shut_out()))


def _bridge_secret(authority: Authority) -> str:
    with authority.database.transaction():
        known = authority.database.fact(_BRIDGE_SECRET)
        if known is None:
            known = f"bridge-{secrets.token_hex(16)}"
            authority.database.keep(_BRIDGE_SECRET, known)
    return known


def _group_id(name: str) -> int | None:
    try:
        return grp.getgrnam(name).gr_gid if name else None
    except KeyError:
        return None
