"""Lists as a board reads them, and what a chain is worth that somebody revoked."""

from __future__ import annotations

import datetime as dt

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization

from edgelet.adapters.x509 import chain, keys, revocation, signing
from edgelet.adapters.x509.certificates import Certificate
from edgelet.adapters.x509.signing import Signer
from edgelet.api.errors import InvalidObjectError
from edgelet.api.revocations import Revocations
from tests.unit.adapters.x509.conftest import NOW, life

CLIENT = "clientAuth"
DAY = dt.timedelta(days=1)


def client(issuer: Signer) -> Certificate:
    return signing.client(issuer, keys.generate().public_key(), common_name="default/pi-01", life=life())


def listed(signer: Signer, *revoked: Certificate, number: int = 1, age: dt.timedelta = DAY) -> bytes:
    """A list of so long ago that lives for a day."""
    gone = [revocation.Revoked(one.serial, NOW - age, "keyCompromise") for one in revoked]
    at = NOW - age
    return revocation.make(signer, gone, number=number, this_update=at, next_update=at + DAY).pem


def known(pem: bytes, *issuers: Signer) -> Revocations:
    lists, wrong = revocation.known(pem, [one.certificate for one in issuers])
    assert wrong == ()
    return Revocations().merged(lists)[0]


def test_a_list_is_read_with_its_issuers_key_its_number_and_what_it_names(root: Signer, issuing: Signer) -> None:
    leaf = client(issuing)
    state = known(listed(root, number=3) + listed(issuing, leaf, number=9), root, issuing)
    by_name = {one.issuer: one for one in state.lists}
    assert (by_name["a root"].number, by_name["a root"].revoked) == (3, frozenset())
    assert (by_name["an issuer"].number, by_name["an issuer"].revoked) == (9, frozenset({leaf.serial}))
    assert by_name["an issuer"].key == issuing.certificate.spki_digest
    assert by_name["an issuer"].ends == int(NOW.timestamp())


@pytest.mark.parametrize("old", [False, True])
def test_a_revoked_leaf_or_authority_is_refused_by_lists_however_old(root: Signer, issuing: Signer, old: bool) -> None:
    age = 400 * DAY if old else DAY / 2
    leaf, other = client(issuing), client(issuing)
    given = [leaf, issuing.certificate]
    trusted = [root.certificate]
    by_issuer = known(listed(issuing, leaf, age=age), root, issuing)
    with pytest.raises(InvalidObjectError, match="was revoked"):
        chain.verify(given, trusted, usage=CLIENT, now=NOW, revoked=by_issuer)
    with pytest.raises(InvalidObjectError, match="was revoked"):
        chain.verify(given, trusted, usage=CLIENT, now=None, revoked=by_issuer)
    chain.verify([other, issuing.certificate], trusted, usage=CLIENT, now=NOW, revoked=by_issuer)
    # The authority itself: no list of its own is there any more, and none is needed.
    by_root = known(listed(root, issuing.certificate, age=age), root)
    for one in (leaf, other):
        with pytest.raises(InvalidObjectError, match="was revoked"):
            chain.verify([one, issuing.certificate], trusted, usage=CLIENT, now=NOW, revoked=by_root)


def test_where_nothing_is_known_of_an_authority_nothing_is_refused(root: Signer, issuing: Signer) -> None:
    key = keys.generate()
    stranger = Signer(signing.root(key, name="a company", life=life(7300)), key)
    leaf = client(stranger)
    chain.verify([leaf], [stranger.certificate], usage=CLIENT, now=NOW, revoked=known(listed(root), root, issuing))


def test_another_good_way_up_is_enough(root: Signer, issuing: Signer) -> None:
    """As after a roll-over: one root has revoked an authority, another stands for it."""
    key = keys.generate()
    second = Signer(signing.root(key, name="second root", life=life(7300)), key)
    again = signing.issuing(second, issuing.key.public_key(), name="an issuer", life=life(1800))
    revoked = known(listed(root, issuing.certificate), root)
    trusted = [root.certificate, second.certificate]
    chain.verify([client(issuing), issuing.certificate, again], trusted, usage=CLIENT, now=NOW, revoked=revoked)


def test_a_list_of_nobody_we_know_costs_only_itself(root: Signer, issuing: Signer) -> None:
    key = keys.generate()
    namesake = Signer(signing.root(key, name="a root", life=life(7300)), key)
    leaf = client(issuing)
    pem = listed(namesake, issuing.certificate, number=99) + listed(issuing, leaf) + b"-----END X509 CRL-----"
    lists, wrong = revocation.known(pem, [root.certificate, issuing.certificate])
    assert [one.issuer for one in lists] == ["an issuer"]
    assert len(wrong) == 2
    assert "none of the authorities" in wrong[0]


def test_a_leaf_signs_no_lists(issuing: Signer) -> None:
    key = keys.generate()
    leaf = Signer(signing.client(issuing, key.public_key(), common_name="default/pi-01", life=life()), key)
    lists, wrong = revocation.known(listed(leaf), [leaf.certificate])
    assert (lists, len(wrong)) == ((), 1)


def test_a_list_of_a_part_only_and_one_without_a_good_number_are_not_taken(issuing: Signer) -> None:
    builder = (
        x509.CertificateRevocationListBuilder()
        .issuer_name(issuing.certificate.parsed.subject)
        .last_update(NOW)
        .next_update(NOW + DAY)
    )
    part = builder.add_extension(x509.CRLNumber(1), critical=False).add_extension(
        x509.DeltaCRLIndicator(1), critical=True
    )
    endless = builder.add_extension(x509.CRLNumber(2**200), critical=False)
    for made, word in ((part, "not understood"), (builder, "CRLNumber"), (endless, "number")):
        pem = made.sign(issuing.key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)
        lists, wrong = revocation.known(pem, [issuing.certificate])
        assert lists == ()
        assert word in wrong[0]
