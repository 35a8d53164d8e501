"""What people see of the certificate and of the revocation lists."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

from edgelet.adapters.identity import revoked_file
from edgelet.adapters.identity.files import PemFiles
from edgelet.agent.identity import _Kept
from edgelet.api.revocations import KnownList, Revocations
from edgelet.identity.guard import IdentityGuard
from edgelet.identity.renewal import Renewal
from edgelet.identity.time_keeper import TimeKeeper
from tests.fakes.hand_clock import HandClock
from tests.fakes.object_store import FakeLedger
from tests.fixtures.certificates import Authority


class Calm:
    """A renewal with nothing to do."""

    trouble = ""

    def due(self, _certificate: object) -> datetime:
        return datetime(2030, 1, 1, tzinfo=UTC) + timedelta(days=40)


def test_each_list_is_shown_with_its_issuer_number_end_and_how_many_it_names(tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    pair = authority.client("default/pi-01")
    files = PemFiles(
        certificate=pair.certificate, key=pair.key, authorities=authority.certificate, node="default/pi-01"
    )
    guard = IdentityGuard(
        files,
        keeper=TimeKeeper(HandClock(datetime(2030, 1, 1, tzinfo=UTC)), FakeLedger(), synchronized=lambda: True),
        node="default/pi-01",
    )
    renewal: Renewal = Calm()  # type: ignore[assignment]  # that is all of it that is asked
    kept = _Kept(guard, renewal, files)
    assert kept.describe()["revocationLists"] == []
    one = KnownList(issuer="an issuer", key="0" * 64, number=7, ends=0, revoked=frozenset({"a", "b"}))
    revoked_file.write(revoked_file.beside(authority.certificate), Revocations((one,)))
    shown = kept.describe()
    assert shown["commonName"] == "default/pi-01"
    assert shown["revocationLists"] == [
        {"issuer": "an issuer", "number": 7, "until": "1970-01-01T00:00:00Z", "revoked": 2}
    ]
