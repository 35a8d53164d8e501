"""`ca issue` and `ca broker-cert`: certificates by hand, for a key made here or for a request made elsewhere."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from edgelet.adapters.host import durable_file
from edgelet.adapters.x509 import keys, requests
from edgelet.api import identity
from edgelet.api.errors import StorageError
from edgelet.ca.authority import Authority
from edgelet.ca.records import Issued
from edgelet.cli.ca import place, words
from edgelet.cli.failure import CliError, UsageError
from edgelet.cli.verb import Call

SERVER = "server"


def client(call: Call) -> int:
    """A node (TENANT/NAME), a controller (TENANT/_NAME) or a registrar (_registrar/NAME)."""
    name = words.one(call, "NAME")
    role = identity.parse(name).role
    with place.opened_for_writing(call) as authority, authority.audited("issue", name):
        return _issue(
            call,
            authority,
            str(role),
            name,
            lambda csr: authority.issue_client(csr, name, reason="by hand", days=words.days(call)),
        )


def broker(call: Call) -> int:
    """A broker under these names and addresses."""
    hosts = call.arguments[1:]
    if not hosts:
        raise UsageError("ca broker-cert needs at least one HOST: a name or an address of the broker")
    with place.opened_for_writing(call) as authority, authority.audited("issue", hosts[0]):
        return _issue(
            call,
            authority,
            SERVER,
            hosts[0][: identity.MAX_CHARACTERS],
            lambda csr: authority.issue_broker(csr, hosts, reason="by hand", days=words.days(call)),
        )


def _issue(call: Call, authority: Authority, stem: str, name: str, issue: Callable[[bytes], Issued]) -> int:
    """Write key, certificate and what to trust; a certificate that is there is never overwritten.

    A key without one is what a run left that was refused or killed: it is used.
    """
    directory = words.out(call)
    if (directory / f"{stem}.crt").exists():
        raise CliError(f"{directory / stem}.crt is there already: nothing was issued")
    try:
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise StorageError(f"cannot make {directory}: {error.strerror or error}") from error
    asked = call.parsed.text("csr")
    if asked:
        csr = durable_file.read(Path(asked).expanduser(), most_bytes=requests.MAX_BYTES)
    else:
        csr = requests.make(_key(directory / f"{stem}.key"), name)
    issued = issue(csr)
    durable_file.write(directory / "ca.crt", authority.bundle())
    if stem == SERVER:
        durable_file.write(directory / "crl.pem", authority.crl())
    durable_file.write(directory / f"{stem}.crt", issued.certificate_pem)
    print(f"certificate/{issued.serial} issued: {issued.common_name}, until {issued.not_after:%Y-%m-%d}")
    print(f"{directory}: {stem}.crt {'' if asked else f'{stem}.key '}ca.crt{' crl.pem' if stem == SERVER else ''}")
    return 0


def _key(path: Path) -> keys.PrivateKey:
    if path.exists():
        return keys.load(path)
    key = keys.generate()
    keys.save(path, key)
    return key
