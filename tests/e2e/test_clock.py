"""The clock is wrong, at the start or suddenly: pods do not notice, the link comes back with true time, all is kept."""

from __future__ import annotations

import json
import shutil
import sqlite3
import tempfile
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from edgelet.adapters.host import durable_file
from edgelet.agent.state import DATABASE
from edgelet.api import time
from tests.chaos.shim import Shim
from tests.fixtures.agent import AgentUnderTest, until
from tests.fixtures.field import PASSWORD, FieldAuthority, FieldBroker, RegistrarProcess
from tests.fixtures.workload import pod

pytestmark = [pytest.mark.podman, pytest.mark.mosquitto, pytest.mark.slow]

NODE = "default/board"
DAY_S = 24 * 3600
SINCE_1970_S = -56 * 365 * DAY_S  # before the first release in any case
BACK_S = 60.0  # the link is back so long after true time


class ClockSite:
    """A board with mTLS whose clock a test moves."""

    def __init__(self, directory: Path) -> None:
        self.authority = FieldAuthority(directory / "ca")
        self.broker = FieldBroker(directory, self.authority)
        self.pki = directory / "pki"
        self.pki.mkdir()
        (self.pki / "join-password").write_text(PASSWORD)
        self.put_certificate(days_ago=1)
        names = {"client_cert": "node.crt", "client_key": "node.key", "ca": "ca.crt"}
        identity = {
            "join_url": self.broker.join_url,
            "user": "bootstrap",
            "password_file": str(self.pki / "join-password"),
            "retry_min_s": 2,
            "retry_max_s": 4,
            "answer_s": 20,
        }
        self.agent = AgentUnderTest(
            broker_url=self.broker.url,
            settings={
                "podman": {"idle_exit_s": 1},
                "mqtt": {key: str(self.pki / name) for key, name in names.items()},
                "identity": identity,
            },
        )
        self.shim = Shim(directory)
        assert not self.shim.missing, self.shim.missing
        self.agent.environment = self.shim.environment()

    def put_certificate(self, *, days_ago: float, days: float = 60) -> None:
        """Give the board a new certificate, issued so long ago, as plain files."""
        pair = self.authority.client(NODE, days_ago=days_ago, days=days)
        durable_file.write(self.pki / "node.key", pair.key.read_bytes(), mode=durable_file.SECRET)
        durable_file.write(self.pki / "node.crt", pair.certificate.read_bytes())
        durable_file.write(self.pki / "ca.crt", self.authority.certificate.read_bytes())

    def kept_time(self) -> datetime | None:
        """Return the latest time that the board knows, as it is on disk; None where it is just being written."""
        with tempfile.TemporaryDirectory() as folder:
            try:
                for one in (self.agent.base / "state").glob(f"{DATABASE}*"):  # the agent lets nobody else open them
                    shutil.copy(one, folder)
                with closing(sqlite3.connect(Path(folder, DATABASE))) as database:
                    found = database.execute("SELECT value FROM ledger WHERE name = 'clock/high-water'").fetchone()
            except (OSError, sqlite3.Error):
                return None
        return max(time.parse(word) for word in found[0].decode().split(" ")) if found else None

    def keeps(self, at: datetime) -> bool:
        """Whether the time on disk is this one, within an hour."""
        kept = self.kept_time()
        return kept is not None and abs(kept - at) < timedelta(hours=1)

    def connections(self) -> int:
        """How often the broker has let the board in."""
        return self.broker.log.count(f" as {NODE} (")

    def node_says(self, annotation: str) -> str:
        found: str = self.node()["metadata"].get("annotations", {}).get(annotation, "")
        return found

    def condition(self, kind: str) -> str:
        return next((one["reason"] for one in self.node()["status"]["conditions"] if one["type"] == kind), "")

    def node(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self.agent.cli("get", "node", "board", "-o", "json").stdout)
        return found

    def events(self) -> set[str]:
        found = json.loads(self.agent.cli("get", "events", "-A", "-o", "json").stdout)
        return {one["reason"] for one in found["items"]}


@pytest.fixture(scope="module")
def site() -> Iterator[ClockSite]:
    directory = Path(tempfile.mkdtemp(prefix="el-c-", dir="/tmp"))
    site = ClockSite(directory)
    try:
        with site.broker, site.agent:
            manifest = site.agent.base / "manifests" / "pod.json"
            manifest.write_text(json.dumps(pod("web")))
            until(lambda: running(site), within_s=60, what="the pod runs")
            until(site.connections, what="the board is connected")
            yield site
    finally:
        shutil.rmtree(directory, ignore_errors=True)


def running(site: ClockSite) -> str:
    """Return the id of the pod's container; "" where it does not run."""
    found = [one for one in site.agent.containers() if one["State"] == "running"]
    return found[0]["Id"] if found else ""


@pytest.mark.parametrize(
    ("offset_s", "synchronized", "clock"),
    [
        (SINCE_1970_S, False, "Behind"),
        (-30 * DAY_S, False, "Behind"),
        (-30 * DAY_S, True, "Behind"),
        (5 * 365 * DAY_S, False, "Unsynchronized"),
    ],
)
def test_a_board_that_starts_with_a_wrong_clock_has_its_link_all_the_same(
    site: ClockSite, offset_s: int, synchronized: bool, clock: str
) -> None:
    container = running(site)
    assert site.agent.stop() == 0
    before = site.connections()
    site.shim.step_clock(offset_s, synchronized=synchronized)
    site.agent.start()
    until(lambda: site.connections() > before, within_s=BACK_S, what="the link stands")
    assert site.node_says("edgelet/clock") == clock
    assert site.condition("ClockUnreliable") == f"Clock{clock}"
    site.shim.step_clock(0, synchronized=True)
    until(lambda: site.node_says("edgelet/clock") == "Synchronized", what="true time is noticed")
    assert site.condition("ClockUnreliable") == "ClockSynchronized"
    assert site.condition("CertificateTrouble") == "CertificateGood"
    assert running(site) == container
    assert site.connections() == before + 1


def test_a_clock_that_jumps_under_a_live_link_changes_nothing(site: ClockSite) -> None:
    container, before = running(site), site.connections()
    for offset_s in (5 * 365 * DAY_S, SINCE_1970_S, -30 * DAY_S, 0):
        site.shim.step_clock(offset_s, synchronized=True)
        site.agent.apply(
            {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "c"}, "data": {"a": str(offset_s)}}
        )
    assert running(site) == container
    assert site.connections() == before


def test_a_clock_that_somebody_wrongly_vouches_for_costs_the_link_until_true_time_and_nothing_else(
    site: ClockSite,
) -> None:
    container = running(site)
    site.shim.step_clock(5 * 365 * DAY_S, synchronized=True)
    before = site.connections()
    site.broker.restart()
    until(lambda: "CertificateExpired" in site.events(), what="it is said why there is no link")
    assert site.connections() == before
    assert site.condition("CertificateTrouble") == "CertificateExpired"
    site.shim.step_clock(0, synchronized=True)
    until(lambda: site.connections() > before, within_s=BACK_S, what="the link is back")
    assert running(site) == container
    assert site.node_says("edgelet/certificate-not-after")


def test_a_clock_that_was_ahead_is_forgotten_when_it_is_right_whenever_the_agent_is_killed(site: ClockSite) -> None:
    container = running(site)
    assert site.agent.stop() == 0
    site.put_certificate(days_ago=1, days=300)
    site.shim.step_clock(200 * DAY_S, synchronized=True)
    before = site.connections()
    site.agent.start()
    until(lambda: site.connections() > before, within_s=BACK_S, what="the link stands")
    until(lambda: site.keeps(datetime.now(UTC) + timedelta(days=200)), what="what the clock says is kept")
    site.agent.kill()
    site.shim.step_clock(0, synchronized=True)
    assert site.keeps(datetime.now(UTC) + timedelta(days=200))
    before, asked = site.connections(), site.broker.log.count("cert/csr/")
    with RegistrarProcess(site.authority, site.broker):
        site.agent.start()
        until(lambda: site.connections() > before, within_s=BACK_S, what="the link is back")
        until(lambda: site.keeps(datetime.now(UTC)), within_s=90, what="the registrar is believed")
    assert site.broker.log.count("cert/csr/") > asked
    assert site.node_says("edgelet/clock") == "Synchronized"
    site.agent.kill()
    before = site.connections()
    site.agent.start()
    until(lambda: site.connections() > before, within_s=BACK_S, what="the link is back without a registrar")
    assert site.node_says("edgelet/clock") == "Synchronized"
    assert running(site) == container


@pytest.mark.parametrize("offset_s", [5 * 365 * DAY_S, SINCE_1970_S, -30 * DAY_S])
def test_a_clock_that_jumps_during_a_renewal_does_not_stop_it(site: ClockSite, offset_s: int) -> None:
    container = running(site)
    assert site.agent.stop() == 0
    site.put_certificate(days_ago=55)
    old = (site.pki / "node.crt").read_bytes()
    requests = site.broker.log.count("cert/csr/")
    site.agent.start()
    until(lambda: site.broker.log.count("cert/csr/") > requests, what="a new certificate is asked for")
    site.shim.step_clock(offset_s, synchronized=True)
    with RegistrarProcess(site.authority, site.broker):
        until(lambda: (site.pki / "node.crt").read_bytes() != old, within_s=60, what="the new one is in place")
        site.shim.step_clock(0, synchronized=True)
        before = site.connections()
        site.broker.restart()
        until(lambda: site.connections() > before, within_s=BACK_S, what="the link stands with it")
    assert running(site) == container
    assert (site.pki / "pairs" / "previous" / "node.crt").read_bytes() == old


def test_a_board_that_was_off_for_a_year_renews_by_itself_and_has_kept_its_pods(site: ClockSite) -> None:
    container = running(site)
    assert site.agent.stop() == 0
    site.put_certificate(days_ago=60 + 300)
    with RegistrarProcess(site.authority, site.broker):
        before = site.connections()
        site.agent.start()
        until(lambda: site.connections() > before, within_s=BACK_S, what="the link is back")
    assert {"CertificateExpired", "CertificateRenewed"} <= site.events()
    assert running(site) == container
