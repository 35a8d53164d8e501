from __future__ import annotations

from pathlib import Path

import pytest

from edgelet.agent.board import apparmor_enabled, may_lower_oom_score, one_a_version, reserved
from edgelet.config.settings import Settings


@pytest.mark.parametrize(
    ("effective", "expected"), [("000001ffffffffff", True), ("00000000a80425fb", False), ("0000000001000000", True)]
)
def test_a_negative_oom_score_takes_a_capability(effective: str, tmp_path: Path, *, expected: bool) -> None:
    file = tmp_path / "status"
    file.write_text(f"Name:\tpython\nCapPrm:\t0\nCapEff:\t{effective}\n")
    assert may_lower_oom_score(file) is expected


def test_without_the_file_nothing_is_allowed(tmp_path: Path) -> None:
    assert not may_lower_oom_score(tmp_path / "none")


@pytest.mark.parametrize(("text", "expected"), [("Y\n", True), ("N\n", False), (None, False)])
def test_apparmor_is_on_where_the_kernel_says_so(text: str | None, tmp_path: Path, *, expected: bool) -> None:
    file = tmp_path / "enabled"
    if text is not None:
        file.write_text(text)
    assert apparmor_enabled(file) is expected


@pytest.mark.parametrize(
    ("addresses", "expected"),
    [
        (("192.0.2.7", "10.9.0.1", "fd00::2", "fd00::3"), ("192.0.2.7", "fd00::2")),
        (("fd00::2", "192.0.2.7", "10.9.0.1"), ("fd00::2", "192.0.2.7")),
        (("192.0.2.7", "10.9.0.1"), ("192.0.2.7",)),
        ((), ()),
    ],
)
def test_a_pod_is_told_one_address_of_the_board_for_each_ip_version(
    addresses: tuple[str, ...], expected: tuple[str, ...]
) -> None:
    assert one_a_version(addresses) == expected


@pytest.mark.parametrize(
    ("tables", "mib", "percent"),
    [
        ({}, 100, 10),
        ({"workload": {"reserved_memory": "28Mi"}}, 128, 10),
        ({"eviction": {"hard": {"memory.available": "25%", "nodefs.available": "2%"}}}, 256, 2),
        ({"eviction": {"hard": {"memory.available": "0%", "nodefs.available": "100%"}}}, 0, 0),
    ],
)
def test_what_pods_are_evicted_for_they_cannot_ask_for(
    tables: dict[str, dict[str, object]], mib: int, percent: float
) -> None:
    found = reserved(Settings.model_validate(tables), memory_bytes=1 << 30)
    assert (found.memory_bytes, found.storage.of(1000)) == (mib << 20, percent * 10)
