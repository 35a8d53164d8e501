from __future__ import annotations

import datetime as dt
import subprocess
from pathlib import Path

import pytest

from edgelet.adapters.x509 import certificates, chain, keys, revocation, signing
from edgelet.adapters.x509.certificates import Certificate
from edgelet.adapters.x509.signing import Life, Signer
from edgelet.api.errors import InvalidObjectError
from tests.unit.adapters.x509.conftest import NOW, life

CLIENT = "clientAuth"


def client(signer: Signer, name: str = "acme/pi", *, days: float = 60) -> Certificate:
    return signing.client(signer, keys.generate().public_key(), common_name=name, life=life(days))


def openssl(tmp_path: Path, *, trusted: bytes, chain: bytes, crl: bytes = b"", purpose: str = "sslclient") -> str:
    """What `openssl verify` says in its strictest mode; empty for yes."""
    files = {"trusted": trusted, "chain": chain, "crl": crl}
    for name, data in files.items():
        (tmp_path / name).write_bytes(data)
    with_crl = ["-crl_check_all", "-CRLfile", str(tmp_path / "crl")] if crl else []
    done = subprocess.run(
        [
            *("openssl", "verify", "-x509_strict", "-attime", str(int(NOW.timestamp())), "-purpose", purpose),
            *(*with_crl, "-CAfile", str(tmp_path / "trusted"), "-untrusted", str(tmp_path / "chain")),
            str(tmp_path / "chain"),
        ],
        capture_output=True,
        text=True,
        check=False,
    )
    return "" if done.returncode == 0 else done.stderr


def test_openssl_finds_a_clients_chain_good_in_its_strictest_mode(
    tmp_path: Path, root: Signer, issuing: Signer
) -> None:
    leaf = client(issuing)
    crls = b"".join(crl(one).pem for one in (issuing, root))
    given = certificates.bundle([leaf, issuing.certificate])
    assert openssl(tmp_path, trusted=root.certificate.pem(), chain=given, crl=crls) == ""
    assert "unsuitable certificate purpose" in openssl(
        tmp_path, trusted=root.certificate.pem(), chain=given, purpose="sslserver"
    )


def test_openssl_finds_a_brokers_chain_good_in_its_strictest_mode(
    tmp_path: Path, root: Signer, issuing: Signer
) -> None:
    hosts = ("mqtt.example.com", "10.0.0.5", "fd00::5", "x" * 63 + ".example.com")
    leaf = signing.server(issuing, keys.generate().public_key(), hosts=hosts, life=life())
    assert leaf.hosts == ("mqtt.example.com", "x" * 63 + ".example.com", "10.0.0.5", "fd00::5")
    given = certificates.bundle([leaf, issuing.certificate])
    assert openssl(tmp_path, trusted=root.certificate.pem(), chain=given, purpose="sslserver") == ""
    assert openssl(tmp_path, trusted=root.certificate.pem(), chain=given) != ""


@pytest.mark.parametrize(
    "hosts", [(), ("",), ("ä.example",), ("https://x",), ("b:8883",), ("a.",), ("a/b",), ("x" * 254,), ("good", "-a")]
)
def test_hosts_that_no_certificate_takes_are_refused(issuing: Signer, hosts: tuple[str, ...]) -> None:
    with pytest.raises(InvalidObjectError):
        signing.server(issuing, keys.generate().public_key(), hosts=hosts, life=life())


def test_what_is_told_of_a_certificate(issuing: Signer) -> None:
    key = keys.generate()
    leaf = signing.client(issuing, key.public_key(), common_name="acme/pi", life=life(60))
    (read,) = certificates.read(leaf.pem())
    assert read == leaf
    assert read.common_name == "acme/pi"
    assert read.usages == {CLIENT}
    assert read.hosts == ()
    assert read.key_digest == keys.digest(key.public_key())
    assert (read.not_before, read.not_after) == (NOW - dt.timedelta(hours=1), NOW + dt.timedelta(days=60))
    assert not read.is_authority
    assert not read.is_self_issued
    assert int(read.serial, 16) == read.parsed.serial_number


@pytest.mark.parametrize("pem", [b"", b"x", b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"])
def test_what_is_no_certificate_is_refused(pem: bytes) -> None:
    with pytest.raises(InvalidObjectError):
        certificates.read(pem)


def test_a_file_beyond_all_measure_is_refused(root: Signer) -> None:
    with pytest.raises(InvalidObjectError, match="no more than"):
        certificates.read(root.certificate.pem() * 200)


# The chain -----------------------------------------------------------------------------------------------------------


def test_a_good_chain_leads_to_its_root(root: Signer, issuing: Signer) -> None:
    chain.verify([client(issuing), issuing.certificate], [root.certificate], usage=CLIENT, now=NOW)
    with pytest.raises(InvalidObjectError, match="does not lead"):
        chain.verify([client(issuing)], [root.certificate], usage=CLIENT, now=NOW)


def test_another_authority_of_the_same_name_is_not_it(issuing: Signer) -> None:
    key = keys.generate()
    namesake = Signer(signing.root(key, name="a root", life=life(7300)), key)
    with pytest.raises(InvalidObjectError, match="does not lead"):
        chain.verify([client(issuing), issuing.certificate], [namesake.certificate], usage=CLIENT, now=NOW)


def test_a_leaf_signs_nobody(root: Signer, issuing: Signer) -> None:
    key = keys.generate()
    leaf = Signer(signing.client(issuing, key.public_key(), common_name="acme/pi", life=life()), key)
    forged = client(leaf, "acme/other")
    with pytest.raises(InvalidObjectError, match="does not lead"):
        chain.verify([forged, leaf.certificate, issuing.certificate], [root.certificate], usage=CLIENT, now=NOW)


def test_an_issuing_certificate_makes_no_further_one(tmp_path: Path, root: Signer, issuing: Signer) -> None:
    key = keys.generate()
    below = Signer(signing.issuing(issuing, key.public_key(), name="below", life=life()), key)
    given = [client(below), below.certificate, issuing.certificate]
    with pytest.raises(InvalidObjectError, match="does not lead"):
        chain.verify(given, [root.certificate], usage=CLIENT, now=NOW)
    assert "path length constraint" in openssl(
        tmp_path, trusted=root.certificate.pem(), chain=certificates.bundle(given)
    )


def test_dates_count_where_the_clock_is_believed(root: Signer, issuing: Signer) -> None:
    given = [client(issuing), issuing.certificate]
    year = dt.timedelta(days=365)
    for now, path in ((NOW + year, "notAfter"), (NOW - year, "notBefore")):
        with pytest.raises(InvalidObjectError) as caught:
            chain.verify(given, [root.certificate], usage=CLIENT, now=now)
        assert caught.value.faults[0].path == path
    chain.verify(given, [root.certificate], usage=CLIENT, now=None)


def test_an_issuer_that_has_ended_carries_nobody(root: Signer) -> None:
    key = keys.generate()
    old = Signer(
        signing.issuing(root, key.public_key(), name="old", life=Life(NOW - dt.timedelta(9), NOW - dt.timedelta(1))),
        key,
    )
    with pytest.raises(InvalidObjectError, match="does not lead"):
        chain.verify([client(old), old.certificate], [root.certificate], usage=CLIENT, now=NOW)


def test_the_use_counts(root: Signer, issuing: Signer) -> None:
    with pytest.raises(InvalidObjectError, match="must have serverAuth"):
        chain.verify([client(issuing), issuing.certificate], [root.certificate], usage="serverAuth", now=NOW)
    with pytest.raises(InvalidObjectError, match="a leaf is needed"):
        chain.verify([issuing.certificate], [root.certificate], usage=CLIENT, now=NOW)
    with pytest.raises(InvalidObjectError, match="missing"):
        chain.verify([], [root.certificate], usage=CLIENT, now=NOW)


def test_a_chain_without_end_is_not_followed(root: Signer, issuing: Signer) -> None:
    with pytest.raises(InvalidObjectError, match="more than 10"):
        chain.verify([client(issuing)] * 11, [root.certificate], usage=CLIENT, now=NOW)


def test_who_knows_the_old_root_only_follows_the_bridge_to_the_new_one(tmp_path: Path, root: Signer) -> None:
    key, below = keys.generate(), keys.generate()
    new = Signer(signing.root(key, name="the next root", life=life(7300)), key)
    bridge = signing.cross(root, new.certificate, life=life(3000))
    issuer = Signer(signing.issuing(new, below.public_key(), name="the next issuer", life=life(1000)), below)
    given = [client(issuer), issuer.certificate, bridge]
    for trusted in (root.certificate, new.certificate):
        chain.verify(given, [trusted], usage=CLIENT, now=NOW)
        assert openssl(tmp_path, trusted=trusted.pem(), chain=certificates.bundle(given)) == ""
    with pytest.raises(InvalidObjectError, match="does not lead"):
        chain.verify(given[:2], [root.certificate], usage=CLIENT, now=NOW)


# Revocation ----------------------------------------------------------------------------------------------------------


def crl(signer: Signer, *revoked: revocation.Revoked, number: int = 1) -> revocation.RevocationList:
    return revocation.make(signer, revoked, number=number, this_update=NOW, next_update=NOW + dt.timedelta(days=30))


def test_openssl_refuses_what_was_revoked(tmp_path: Path, root: Signer, issuing: Signer) -> None:
    lost, good = client(issuing), client(issuing, "acme/good")
    lists = crl(issuing, revocation.Revoked(lost.serial, NOW, "keyCompromise")).pem + crl(root).pem
    for leaf, expected in ((good, ""), (lost, "certificate revoked")):
        given = certificates.bundle([leaf, issuing.certificate])
        said = openssl(tmp_path, trusted=root.certificate.pem(), chain=given, crl=lists)
        assert expected in said
        assert bool(said) == bool(expected)


@pytest.mark.parametrize("reason", revocation.REASONS)
def test_every_reason_is_written(issuing: Signer, reason: str) -> None:
    made = crl(issuing, revocation.Revoked("abc123", NOW, reason), number=7)
    (read,) = revocation.read(made.pem, [issuing.certificate])
    assert read == made
    assert (read.number, read.serials, read.this_update) == (7, frozenset({"abc123"}), NOW)


def test_a_list_of_somebody_else_is_refused(root: Signer, issuing: Signer) -> None:
    assert len(revocation.read(crl(issuing).pem + crl(root).pem, [root.certificate, issuing.certificate])) == 2
    with pytest.raises(InvalidObjectError, match="none of the authorities"):
        revocation.read(crl(issuing).pem, [root.certificate])
    for bad in (b"", b"x", crl(issuing).pem.replace(b"MI", b"MJ", 1)):
        with pytest.raises(InvalidObjectError):
            revocation.read(bad, [issuing.certificate])
