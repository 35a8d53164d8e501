"""Revocation lists and new issuing certificates as a real broker sees them."""

from __future__ import annotations

import datetime as dt
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from edgelet.ca import roll_over
from tests.fixtures.certificates import Pair
from tests.fixtures.trust import Trust

pytestmark = pytest.mark.mosquitto


@pytest.fixture
def trust(tmp_path: Path) -> Iterator[Trust]:
    with Trust(tmp_path) as running:
        yield running


def connects(trust: Trust, pair: Pair, *, ca: Path | None = None) -> bool:
    """Whether mosquitto_pub gets a message across with this certificate: no code of ours on this side."""
    done = subprocess.run(
        [
            *("mosquitto_pub", "-V", "mqttv5", "-q", "1", "-h", "127.0.0.1", "-p", str(trust.port)),
            *("--cafile", str(ca or trust.ca), "--cert", str(pair.certificate), "--key", str(pair.key)),
            *("-t", "edgelet/v1/one/a/status/node", "-m", "x"),
        ],
        capture_output=True,
        timeout=60,
        check=False,
    )
    return done.returncode == 0


def test_a_list_past_its_end_locks_everybody_out_until_it_is_made_anew(trust: Trust) -> None:
    pair = trust.pair("one/a")
    assert connects(trust, pair)
    issuing = trust.authority.issuers.trusted("issuing", trust.authority.now())[0]
    long_ago = trust.authority.now() - dt.timedelta(days=40)
    with trust.authority.database.transaction():
        trust.authority.issuers.sign_crl(issuing, long_ago)
    (trust.brokers / "crl.pem").write_bytes(trust.authority.crl())
    trust.reload()
    assert not connects(trust, pair)
    assert "crl.pem" in trust.update().changed  # which any run of `ca mosquitto` does
    assert connects(trust, pair)


def test_the_list_of_a_root_whose_key_is_away_may_be_old(trust: Trust) -> None:
    pair = trust.pair("one/a")
    root = trust.authority.issuers.trusted("root", trust.authority.now())[0]
    with trust.authority.database.transaction():
        trust.authority.issuers.sign_crl(root, trust.authority.now() - dt.timedelta(days=400))
    (trust.brokers / "crl.pem").write_bytes(trust.authority.crl())
    trust.reload()
    assert connects(trust, pair)


def test_boards_and_broker_go_on_through_a_roll_over_of_everything(trust: Trust) -> None:
    old_bundle = trust.directory / "old-ca.crt"
    old_bundle.write_bytes(trust.authority.bundle())
    before = trust.pair("one/a")
    roll_over.begin(trust.authority, "root")
    roll_over.begin(trust.authority, "issuing")
    trust.update()
    assert connects(trust, before)
    roll_over.use(trust.authority)
    after = trust.pair("one/a")
    assert connects(trust, after)  # the broker has not heard of it yet: it knew the new one, and its list, before
    assert {"server.crt", "server.key"} <= set(trust.update().changed)
    for pair in (before, after):
        for ca in (None, old_bundle):  # a board that was away knows the old root only: the broker shows the bridge
            assert connects(trust, pair, ca=ca)
    roll_over.drop(trust.authority, "issuing", force=True)
    roll_over.drop(trust.authority, "root")
    trust.update()
    assert connects(trust, after)
    assert not connects(trust, before)


def test_a_new_issuing_certificate_that_no_broker_knows_is_of_no_use_yet(trust: Trust) -> None:
    """Why there are three steps: without the new one's list the broker refuses its first certificate."""
    roll_over.begin(trust.authority, "issuing")
    roll_over.use(trust.authority)
    pair = trust.pair("one/a")
    assert not connects(trust, pair)
    trust.update()
    assert connects(trust, pair)


def test_nothing_is_written_where_nothing_changed(trust: Trust) -> None:
    assert trust.prepare().changed == ()
    (trust.brokers / "server.key").unlink()
    assert set(trust.prepare().changed) == {"server.key", "server.crt"}
    trust.pair("one/_ctl")
    assert trust.prepare().changed == ("acl",)
