"""What a broker would say to a pair: OpenSSL's own words, without a broker."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from edgelet.adapters.identity import inspection
from edgelet.api.errors import BusError
from tests.fixtures.certificates import Authority, Pair


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    return Authority(tmp_path / "ca")


def refusal(pair: Pair, authorities: Path | None) -> str:
    with pytest.raises(BusError) as caught:
        inspection.inspect(pair.certificate, pair.key, authorities)
    assert caught.value.reason == "CertificateInvalid"
    return caught.value.message


@pytest.mark.parametrize("judge_chain", [True, False])
@pytest.mark.parametrize(("days", "started"), [(2, 1), (-1, 30), (400, -300)])
def test_a_good_pair_tells_name_serial_and_dates_whatever_the_dates_are(
    authority: Authority, judge_chain: bool, days: int, started: int
) -> None:
    pair = authority.client("default/pi-01", days=days, started_days_ago=started)
    found = inspection.inspect(pair.certificate, pair.key, authority.certificate if judge_chain else None)
    assert found.common_name == "default/pi-01"
    assert int(found.serial, 16) > 0
    assert abs(found.not_after - datetime.now(UTC) - timedelta(days=days)) < timedelta(minutes=5)
    assert abs(datetime.now(UTC) - found.not_before - timedelta(days=started)) < timedelta(minutes=5)


@pytest.mark.parametrize("judge_chain", [True, False])
def test_one_for_servers_is_refused(authority: Authority, judge_chain: bool) -> None:
    words = refusal(authority.server(), authority.certificate if judge_chain else None)
    assert "unsuitable certificate purpose" in words


def test_one_of_another_authority_is_refused(authority: Authority, tmp_path: Path) -> None:
    words = refusal(Authority(tmp_path / "other").client("default/pi-01"), authority.certificate)
    assert f"under {authority.certificate}" in words


def test_a_key_of_another_certificate_is_refused(authority: Authority) -> None:
    one, other = authority.client("default/a"), authority.client("default/b")
    assert "KEY_VALUES_MISMATCH" in refusal(Pair(one.certificate, other.key), authority.certificate)


def test_files_that_are_missing_or_no_pem_are_named(authority: Authority, tmp_path: Path) -> None:
    pair = authority.client("default/a")
    gone = tmp_path / "gone"
    assert str(gone) in refusal(Pair(gone, pair.key), authority.certificate)
    gone.write_text("no PEM")
    assert str(gone) in refusal(Pair(pair.certificate, gone), authority.certificate)
    assert "cannot use" in refusal(pair, gone)


def test_damaged_authorities_are_named_and_not_the_pair(authority: Authority, tmp_path: Path) -> None:
    spoilt = tmp_path / "spoilt.crt"
    spoilt.write_bytes(authority.certificate.read_bytes()[:80])
    said = refusal(authority.client("default/pi-01"), spoilt)
    assert said.startswith(f"cannot use the authorities in {spoilt}: ")
