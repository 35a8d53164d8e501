"""Dates of the broker's certificate are looked at unless nobody has set the clock."""

import datetime as dt
import ssl
from pathlib import Path

import pytest

from edgelet.adapters.host import time_sync
from edgelet.adapters.x509 import keys, signing
from edgelet.api.enrolment import TimeRequest
from edgelet.api.join_line import JoinLine
from edgelet.cli.failure import CliError
from edgelet.cli.joining import question


@pytest.fixture
def asked(tmp_path: Path) -> question.Question:
    now = dt.datetime.now(dt.UTC).replace(microsecond=0)
    root = signing.root(keys.generate(), name="r", life=signing.Life(now, now + dt.timedelta(days=1)))
    (tmp_path / "ca.crt").write_bytes(root.pem())
    line = JoinLine(
        id="0" * 16,
        secret=b"s" * 32,
        node="default/pi-01",
        broker="mqtts://127.0.0.1:1",
        link="mqtts://127.0.0.1:1",
        ca=(root.der(),),
        user="",
        password="",
        prefix="edgelet/v1",
        expires=0,
    )
    request = TimeRequest(nonce="0" * 32)
    return question.Question(line, tmp_path / "ca.crt", request, lambda _: True, lambda _: None)


@pytest.mark.parametrize(("error_us", "checked"), [(1000, True), (16_000_000, False), (None, False)])
def test_an_unset_clock_is_not_asked_for_dates(
    asked: question.Question, monkeypatch: pytest.MonkeyPatch, error_us: int | None, *, checked: bool
) -> None:
    monkeypatch.setattr(time_sync, "max_error_us", lambda: error_us)
    context = asked._context()
    assert bool(context.verify_flags & question._NO_CHECK_TIME) is not checked
    assert context.verify_mode == ssl.CERT_REQUIRED
    assert context.check_hostname


def test_a_broker_that_is_not_there_is_waited_for_and_told(asked: question.Question) -> None:
    with pytest.raises(CliError, match=r"no answer .* within 0.1 s: cannot reach the broker"):
        asked.ask(within_s=0.1)
