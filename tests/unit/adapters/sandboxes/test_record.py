from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from ipaddress import IPv4Address
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from edgelet.adapters.sandboxes import record as records
from edgelet.adapters.sandboxes.record import Record, Records
from edgelet.ports.runtime import PodRef, PortMapping, SandboxSpec

texts = st.text(max_size=8)
specs = st.builds(
    SandboxSpec,
    pod=st.builds(PodRef, uid=texts, namespace=texts, name=texts),
    hostname=texts,
    host_network=st.booleans(),
    ports=st.lists(
        st.builds(PortMapping, container_port=st.integers(1, 9), host_port=st.integers(1, 9), host_ip=texts)
    ).map(tuple),
    dns_servers=st.lists(texts).map(tuple),
    sysctls=st.dictionaries(texts, texts),
    attempt=st.integers(0, 9),
)
SPEC = SandboxSpec(pod=PodRef("u1", "default", "web"), hostname="web", ports=(PortMapping(80, 8080),))
RECORD = Record("a1", SPEC, datetime(2026, 1, 1, tzinfo=UTC), "boot-1", IPv4Address("10.77.0.2"))


@given(specs, st.sampled_from([None, IPv4Address("10.77.0.2")]), st.booleans())
def test_a_record_is_read_as_it_was_written(spec: SandboxSpec, address: IPv4Address | None, made: bool) -> None:
    wanted = replace(RECORD, spec=spec, address=address, made=made)
    assert records._parse(records._document(wanted)) == wanted


def test_what_one_agent_keeps_the_next_one_finds(tmp_path: Path) -> None:
    one = Records(tmp_path / "s")
    assert one.every() == ()
    second = replace(RECORD, id="b2", spec=replace(SPEC, attempt=1))
    for each in (second, RECORD, RECORD.as_made()):
        one.keep(each)
    assert Records(tmp_path / "s").every() == one.every() == (RECORD.as_made(), second)
    for _ in range(2):
        one.drop("a1")
    assert Records(tmp_path / "s").every() == (second,)
    assert one.find("a1") is None


def test_files_that_cannot_be_read_are_no_records(tmp_path: Path) -> None:
    kept = Records(tmp_path)
    kept.keep(RECORD)
    for name, text in (("cut", '{"id": "x"'), ("list", "[1]"), ("empty", ""), ("old", '{"id": "y"}')):
        (tmp_path / f"{name}.json").write_text(text)
    (tmp_path / "c3.new").write_text("{}")
    assert Records(tmp_path).every() == (RECORD,)
