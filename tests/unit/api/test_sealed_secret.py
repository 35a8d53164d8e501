from __future__ import annotations

from edgelet.api import sealed_secret
from edgelet.api.sealed_secret import SealedSecret


def test_what_is_written_is_read_again() -> None:
    one = SealedSecret("shop", "db", "acme/pi", "0123456789abcdef", bytes(60))
    assert sealed_secret.read(sealed_secret.document(one), default_namespace="default") == one


def test_the_namespace_is_that_of_the_request_where_it_says_none() -> None:
    document = sealed_secret.document(SealedSecret("shop", "db", "acme/pi", "0123456789abcdef", bytes(60)))
    del document["metadata"]["namespace"]
    assert sealed_secret.read(document, default_namespace="shed").namespace == "shed"


def test_no_two_places_have_the_same_words_bound_to_their_seals() -> None:
    places = [("a/b", "c", "d"), ("a", "b/c", "d"), ("a/b", "c d", ""), ("a/b", "", "c d"), ("a/b 1", "c", "d")]
    assert len({sealed_secret.info(*place) for place in places}) == len(places)


def test_only_our_kind_stands_for_a_secret() -> None:
    assert sealed_secret.kind_of({"apiVersion": "edgelet/v1", "kind": "SealedSecret"}) == "Secret"
    assert sealed_secret.kind_of({"apiVersion": "bitnami.com/v1alpha1", "kind": "SealedSecret"}) == "SealedSecret"
    assert sealed_secret.kind_of({"kind": "Pod"}) == "Pod"
