from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from edgelet.adapters.host.clock import SystemClock
from edgelet.adapters.signing import public_keys
from edgelet.agent import daemon, pod_path, state, trust
from edgelet.api.errors import StorageError
from edgelet.config import load
from edgelet.config.paths import PathSettings
from edgelet.config.settings import Settings
from edgelet.config.trust import TrustSettings
from edgelet.identity.time_keeper import TimeKeeper
from edgelet.intake import trust_record
from edgelet.intake.trust_record import TrustRecord
from tests.fakes.object_store import FakeLedger
from tests.unit.intake.test_trust_record import RULING, WAITING


class Clock(SystemClock):
    """Says what it is told to."""

    def __init__(self) -> None:
        self.time = datetime(2027, 1, 1, tzinfo=UTC)

    def now(self) -> datetime:
        return self.time


def test_the_time_is_what_a_clock_says_that_somebody_vouches_for_and_a_wrong_moment_is_forgotten() -> None:
    vouched, clock = [False], Clock()
    keeper = TimeKeeper(clock, FakeLedger(), synchronized=lambda: vouched[0])
    known = trust.KnownTime(keeper)
    assert known.exact() is None
    assert known.at_least() == keeper.high_water < clock.time
    vouched[0] = True
    assert known.at_least() == known.exact() == clock.time
    right = clock.time
    clock.time += timedelta(days=4000)
    assert known.at_least() == clock.time
    clock.time = right
    assert known.at_least() == right, "a jump of the clock ends no index for good"
    keeper.see(right)
    clock.time -= timedelta(days=400)
    assert known.exact() is None, "it is before what true time is at least"
    assert known.at_least() == right


def test_a_registrars_word_of_before_what_was_known_opens_nothing() -> None:
    clock = Clock()
    keeper = TimeKeeper(clock, FakeLedger(), synchronized=lambda: True)
    known, right = trust.KnownTime(keeper), clock.time
    keeper.see(right)
    assert keeper.believe(right - timedelta(days=30))
    assert known.exact() is None
    assert known.at_least() == right


@pytest.mark.parametrize("record", [RULING, WAITING])
async def test_a_board_that_takes_unsigned_state_notes_it_once(record: TrustRecord) -> None:
    ledger = FakeLedger()
    await trust.lapse(ledger)
    assert ledger.facts == {}
    await ledger.write(trust_record.FACT, trust_record.encode(record))
    await trust.lapse(ledger)
    lapsed = trust_record.decode(ledger.read(trust_record.FACT))
    assert lapsed == trust_record.lapsed(record)
    ledger.fail_with = StorageError("nothing is written a second time")
    await trust.lapse(ledger)


def settings(folder: Path, keys: Path) -> Settings:
    return Settings(
        paths=PathSettings(state=folder / "state", run=folder / "run"),
        trust=TrustSettings(require_signature=True, signing_keys=keys),
    )


async def test_without_keys_the_agent_starts_and_believes_nobody(tmp_path: Path) -> None:
    keys = tmp_path / "keys"
    (tmp_path / "state").mkdir()
    opened = state.open_state(settings(tmp_path, keys), SystemClock())
    try:
        for _ in range(2):  # no directory, then an empty one
            base = lay(tmp_path, keys, opened)
            assert base.signed is not None
            assert base.signed.keys == {}
            assert [one["reason"] for one in base.events.list()] == ["InvalidSigningKeys"]
            keys.mkdir(exist_ok=True)
        (keys / "a.pem").write_text(public_keys.pem(b"k" * 32))
        base = lay(tmp_path, keys, opened)
        assert base.signed is not None
        assert base.board.signed is base.signed
        assert list(base.signed.keys.values()) == [b"k" * 32]
        await opened.store.ledger.write(trust_record.FACT, b"of a newer edgelet")
        base = lay(tmp_path, keys, opened)
        assert base.signed is not None
        assert base.signed.keys == {}
        await base.signed.resume()
        assert "cannot be read" in base.signed.stale
        assert opened.store.ledger.read(trust_record.FACT) == b"of a newer edgelet"
    finally:
        await opened.store.close()


def lay(folder: Path, keys: Path, opened: state.State) -> pod_path.Foundation:
    return pod_path.lay_foundation(
        settings(folder, keys), opened.store, SystemClock(), adoption=opened.adoption, fresh=opened.fresh
    )


def test_the_daemon_knows_the_fact_by_its_name() -> None:
    assert daemon.TRUST_FACT == trust_record.FACT


def test_require_signature_without_a_directory_of_keys_is_a_fault_of_the_settings() -> None:
    with pytest.raises(load.SettingsError, match=r"trust\.signing_keys"):
        load.load(None, {"EDGELET_TRUST_REQUIRE_SIGNATURE": "true"})
