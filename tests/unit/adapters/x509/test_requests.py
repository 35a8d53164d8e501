from __future__ import annotations

import base64
import subprocess
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.x509.oid import AttributeOID, NameOID

from edgelet.adapters.x509 import keys, requests
from edgelet.api.errors import InvalidObjectError

KEY = keys.generate()
CN = x509.NameAttribute(NameOID.COMMON_NAME, "acme/pi")


def pem(builder: x509.CertificateSigningRequestBuilder, key: Any = KEY, digest: Any = hashes.SHA256()) -> bytes:  # noqa: B008  a value
    return builder.sign(key, digest).public_bytes(serialization.Encoding.PEM)


def named(*attributes: x509.NameAttribute[str]) -> x509.CertificateSigningRequestBuilder:
    return x509.CertificateSigningRequestBuilder().subject_name(x509.Name(attributes))


def test_a_request_comes_back_as_it_was_made() -> None:
    found = requests.read(requests.make(KEY, "acme/pi"))
    assert found.common_name == "acme/pi"
    assert found.key_digest == keys.digest(KEY.public_key())


def test_a_request_of_openssl_is_read(tmp_path: Path) -> None:
    subprocess.run(
        [
            *("openssl", "req", "-new", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"),
            *("-keyout", str(tmp_path / "key"), "-out", str(tmp_path / "csr"), "-subj", "/CN=acme\\/pi"),
        ],
        check=True,
        capture_output=True,
    )
    assert requests.read((tmp_path / "csr").read_bytes()).common_name == "acme/pi"


REFUSED: dict[str, tuple[Callable[[], bytes], str]] = {
    "empty": (lambda: b"", "one PEM block"),
    "no PEM": (lambda: b"hello", "one PEM block"),
    "two blocks": (lambda: requests.make(KEY, "acme/pi") * 2, "one PEM block"),
    "words before it": (lambda: b"x\n" + requests.make(KEY, "acme/pi"), "one PEM block"),
    "a certificate": (
        lambda: requests.make(KEY, "acme/pi").replace(b"CERTIFICATE REQUEST", b"CERTIFICATE"),
        "one PEM block",
    ),
    "too long": (lambda: requests.make(KEY, "acme/pi") + b" " * requests.MAX_BYTES, "no more than"),
    "bad base64": (
        lambda: b"-----BEGIN CERTIFICATE REQUEST-----\nAAA=AAA\n-----END CERTIFICATE REQUEST-----\n",
        "",
    ),
    "P-384": (lambda: pem(named(CN), ec.generate_private_key(ec.SECP384R1())), "publicKey: must be a P-256"),
    "RSA": (lambda: pem(named(CN), rsa.generate_private_key(65537, 2048)), "publicKey: must be a P-256"),
    "Ed25519": (lambda: pem(named(CN), ed25519.Ed25519PrivateKey.generate(), None), "publicKey: must be a P-256"),
    "no name": (lambda: pem(named()), "subject: must be a common name"),
    "two names": (lambda: pem(named(CN, CN)), "subject: must be a common name"),
    "an organisation too": (
        lambda: pem(named(CN, x509.NameAttribute(NameOID.ORGANIZATION_NAME, "system:masters"))),
        "subject: must be a common name",
    ),
    "an organisation alone": (
        lambda: pem(named(x509.NameAttribute(NameOID.ORGANIZATION_NAME, "acme/pi"))),
        "subject: must be a common name",
    ),
    "wants to be an authority": (
        lambda: pem(named(CN).add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)),
        "attributes: must be empty",
    ),
    "wants other names": (
        lambda: pem(
            named(CN).add_extension(x509.SubjectAlternativeName([x509.DNSName("broker.example")]), critical=False)
        ),
        "attributes: must be empty",
    ),
    "a challenge password": (
        lambda: pem(named(CN).add_attribute(AttributeOID.CHALLENGE_PASSWORD, b"x")),
        "attributes: must be empty",
    ),
}


@pytest.mark.parametrize("case", REFUSED)
def test_everything_else_is_refused(case: str) -> None:
    make, message = REFUSED[case]
    with pytest.raises(InvalidObjectError) as caught:
        requests.read(make(), name="acme/pi")
    assert message in caught.value.message
    assert 'CertificateSigningRequest "acme/pi" is invalid' in caught.value.message


def test_a_strangers_odd_name_is_refused_without_the_librarys_remarks(recwarn: pytest.WarningsRecorder) -> None:
    odd = pem(named(x509.NameAttribute(NameOID.COUNTRY_NAME, "Atlantis", _validate=False)))
    recwarn.clear()  # of what made it
    with pytest.raises(InvalidObjectError, match="subject"):
        requests.read(odd)
    assert not recwarn.list


def test_no_changed_byte_makes_another_request_of_it() -> None:
    whole = requests.read(requests.make(KEY, "acme/pi"))
    der = x509.load_pem_x509_csr(requests.make(KEY, "acme/pi")).public_bytes(serialization.Encoding.DER)
    accepted = 0
    for at in range(len(der)):
        text = base64.encodebytes(bytes([*der[:at], der[at] ^ 1, *der[at + 1 :]]))
        with suppress(InvalidObjectError):
            found = requests.read(
                b"-----BEGIN CERTIFICATE REQUEST-----\n" + text + b"-----END CERTIFICATE REQUEST-----\n"
            )
            assert (found.common_name, found.key_digest) == (whole.common_name, whole.key_digest)
            accepted += 1
    assert accepted <= 1  # how many bits of the signature's last byte are filling is not signed


def test_a_name_that_no_certificate_takes_is_refused_when_the_request_is_made() -> None:
    with pytest.raises(InvalidObjectError):
        requests.make(KEY, "a" * 65)
