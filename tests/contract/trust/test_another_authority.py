"""Certificates of an authority that is not ours: what docs/CERTIFICATES.md says about OpenSSL, as it stands there."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.fixtures.certificates import Pair
from tests.fixtures.trust import Trust

pytestmark = pytest.mark.mosquitto

DOCUMENT = Path(__file__).parents[3] / "docs" / "CERTIFICATES.md"
AUTHORITY = r"""
set -e
new="-newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes"
openssl req -x509 $new -days 3650 -subj '/CN=Example Root' -keyout root.key -out root.crt
openssl req -new $new -subj '/CN=Example Issuing' -keyout issuing.key -out issuing.csr
printf 'basicConstraints=critical,CA:TRUE,pathlen:0\nkeyUsage=critical,keyCertSign,cRLSign\n' >issuing.ext
openssl x509 -req -in issuing.csr -CA root.crt -CAkey root.key -CAcreateserial \
  -days 900 -extfile issuing.ext -out issuing.crt
printf 'extendedKeyUsage=clientAuth\n' >node.ext
printf '[ca]\ndefault_ca=d\n[d]\ndatabase=index\ndefault_md=sha256\ndefault_crl_days=30\n' >crl.cnf
: >index
openssl ca -gencrl -config crl.cnf -keyfile issuing.key -cert issuing.crt -out crl.pem
"""


@pytest.fixture
def trust(tmp_path: Path) -> Iterator[Trust]:
    with Trust(tmp_path) as running:
        yield running


def test_a_board_with_a_certificate_of_openssl_is_one_like_all(trust: Trust, tmp_path: Path) -> None:
    other = tmp_path / "other"
    other.mkdir()
    subprocess.run(["bash", "-c", AUTHORITY], cwd=other, check=True, capture_output=True)
    said = re.search(r"With nothing but OpenSSL.*?```sh\n(.*?)```", DOCUMENT.read_text(), re.DOTALL)
    assert said is not None
    subprocess.run(["bash", "-ec", said[1]], cwd=other, check=True, capture_output=True)
    pair = Pair(other / "node.crt", other / "node.key")
    assert not published(trust, pair, "status/node")
    for name in ("ca.crt", "crl.pem"):  # two authorities in one file, and the lists of both
        ours = trust.brokers / name
        theirs = (other / "root.crt").read_bytes() if name == "ca.crt" else (other / name).read_bytes()
        ours.write_bytes(ours.read_bytes() + theirs)
    trust.reload()
    assert published(trust, pair, "status/node")
    assert not published(trust, pair, "desired/index")
    assert published(trust, trust.pair("default/ours"), "status/node", node="default/ours")


def published(trust: Trust, pair: Pair, below: str, *, node: str = "default/pi-01") -> bool:
    done = subprocess.run(
        [
            *("mosquitto_pub", "-V", "mqttv5", "-q", "1", "-h", "127.0.0.1", "-p", str(trust.port)),
            *("--cafile", str(trust.ca), "--cert", str(pair.certificate), "--key", str(pair.key)),
            *("-t", f"edgelet/v1/{node}/{below}", "-m", "x", "-d"),
        ],
        capture_output=True,
        timeout=60,
        check=False,
    )
    return done.returncode == 0 and b"RC:135" not in done.stdout and b"rc135" not in done.stdout.lower()
