from __future__ import annotations

import ssl
from pathlib import Path

import pytest

from edgelet.adapters.mqtt import address, endpoint
from edgelet.adapters.mqtt.endpoint import Endpoint
from edgelet.adapters.mqtt.tls_files import TlsFiles
from edgelet.api.errors import BusError
from tests.fixtures.certificates import Authority


def make(**options: object) -> Endpoint:
    return Endpoint(address=address.parse("mqtts://x"), client_id="x", root="r/", **options)  # type: ignore[arg-type]


def test_nodes_of_different_tenants_never_share_a_client_id() -> None:
    assert endpoint.client_id("a-b", "c") != endpoint.client_id("a", "b-c")


def test_the_password_is_one_line_of_a_file(tmp_path: Path) -> None:
    file = tmp_path / "password"
    file.write_text("s e cret\n")
    assert make(password_file=str(file)).password() == "s e cret"
    assert make().password() is None


def test_a_password_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    with pytest.raises(BusError, match="no-such-file"):
        make(password_file=str(tmp_path / "no-such-file")).password()


def test_a_context_takes_the_pair_and_demands_the_brokers_name(tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    pair = authority.client("default/pi-01")
    context = make(files=TlsFiles(str(authority.certificate), str(pair.certificate), str(pair.key))).tls_context()
    assert context.check_hostname
    assert context.verify_mode is ssl.CERT_REQUIRED


@pytest.mark.parametrize("broken", ["ca", "certificate", "key"])
def test_a_file_that_cannot_be_used_is_named(tmp_path: Path, broken: str) -> None:
    authority = Authority(tmp_path)
    pair = authority.client("default/pi-01")
    files = {"ca": str(authority.certificate), "certificate": str(pair.certificate), "key": str(pair.key)}
    for content in (None, b"rubbish"):
        path = tmp_path / "broken.pem"
        path.unlink(missing_ok=True)
        if content is not None:
            path.write_bytes(content)
        with pytest.raises(BusError, match=r"broken\.pem") as caught:
            make(files=TlsFiles(**{**files, broken: str(path)})).tls_context()
        assert caught.value.reason == "CertificateInvalid"


def test_a_key_of_another_certificate_is_refused(tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    one, two = authority.client("default/pi-01"), authority.client("default/pi-02")
    with pytest.raises(BusError, match="client certificate"):
        make(files=TlsFiles(str(authority.certificate), str(one.certificate), str(two.key))).tls_context()
