"""What failed pulls mean: texts as libpod and registries write them."""

from __future__ import annotations

import pytest

from edgelet.adapters.podman import image_errors
from edgelet.adapters.podman.image_errors import Failure

NAME = "reg.example:5000/team/web:1"
_PINGING = f"initializing source docker://{NAME}: pinging container registry reg.example:5000: Get "
_READING = f"initializing source docker://{NAME}: reading manifest 1 in reg.example:5000/team/web: "

TEXTS = {
    "invalid reference format": Failure.INVALID_NAME,
    _READING + "manifest unknown: manifest unknown": Failure.NOT_FOUND,
    _READING + "name unknown: repository name not known to registry": Failure.NOT_FOUND,
    _READING + "StatusCode: 404, <html>": Failure.NOT_FOUND,
    "choosing an image from manifest list docker://x: no image found in manifest list for architecture arm": (
        Failure.NOT_FOUND
    ),
    _READING + "unauthorized: authentication required": Failure.DENIED,
    _READING + "errors:\ndenied: requested access to the resource is denied": Failure.DENIED,
    "initializing source: unable to retrieve auth token: invalid username/password: unauthorized": Failure.DENIED,
    "initializing source: invalid status code from registry 403 (Forbidden)": Failure.DENIED,
    _PINGING + '"http://reg.example:5000/v2/": dial tcp 127.0.0.1:1: connect: connection refused': Failure.UNREACHABLE,
    _PINGING + '"https://reg.example:5000/v2/": dial tcp: lookup reg.example: no such host': Failure.UNREACHABLE,
    _PINGING + "dial tcp: lookup x: Temporary failure in name resolution": Failure.UNREACHABLE,
    _PINGING + "dial tcp 10.0.0.1:443: i/o timeout": Failure.UNREACHABLE,
    _PINGING + "dial tcp 10.0.0.1:443: connect: network is unreachable": Failure.UNREACHABLE,
    _PINGING + "net/http: TLS handshake timeout": Failure.UNREACHABLE,
    _READING + "received unexpected HTTP status: 503 Service Unavailable": Failure.UNREACHABLE,
    _READING + "toomanyrequests: You have reached your pull rate limit": Failure.UNREACHABLE,
    "writing blob: storing blob to file: happened during read: unexpected EOF": Failure.UNREACHABLE,
    _PINGING
    + "tls: failed to verify certificate: x509: certificate has expired or is not yet valid": Failure.UNTRUSTED,
    _PINGING + "http: server gave HTTP response to HTTPS client": Failure.UNTRUSTED,
    "Source image rejected: A signature was required, but no signature exists": Failure.SIGNATURE,
    'writing blob: adding layer with blob "sha256:aa": write /x: no space left on device': Failure.DISK_FULL,
    "something nobody ever saw": Failure.OTHER,
    "": Failure.OTHER,
}

REASONS = {
    Failure.INVALID_NAME: "InvalidImageName",
    Failure.DENIED: "ErrImagePull",
    Failure.NOT_FOUND: "ErrImagePull",
    Failure.UNREACHABLE: "RegistryUnavailable",
    Failure.UNTRUSTED: "ErrImagePull",
    Failure.SIGNATURE: "SignatureValidationFailed",
    Failure.DISK_FULL: "ErrImagePull",
    Failure.OTHER: "ErrImagePull",
}


@pytest.mark.parametrize(("text", "failure"), TEXTS.items(), ids=range(len(TEXTS)))
def test_a_text_tells_its_class_and_is_passed_on(text: str, failure: Failure) -> None:
    assert image_errors.classify(NAME, text) is failure
    error = image_errors.error(NAME, text)
    assert error.reason == REASONS[failure]
    assert NAME in error.message
    assert text in error.message


def test_every_class_has_a_text_and_a_reason() -> None:
    assert set(TEXTS.values()) == set(Failure) == set(REASONS)


@pytest.mark.parametrize("name", ["eof.example/unauthorized/x509:denied", "forbidden.example/a:404", "reg.example/a:1"])
def test_words_of_the_name_itself_tell_nothing(name: str) -> None:
    repository, _, tag = name.rpartition(":")
    text = f"initializing source docker://{name}: reading manifest {tag} in {repository}: manifest unknown"
    assert image_errors.classify(name, text) is Failure.NOT_FOUND


def test_digits_of_a_digest_tell_nothing() -> None:
    text = "reading blob sha256:4034014030000: something odd"
    assert image_errors.classify(NAME, text) is Failure.OTHER


def test_a_long_text_is_cut() -> None:
    assert len(image_errors.error(NAME, "x" * 100_000).message) < 1200
