from __future__ import annotations

from pathlib import Path

import pytest

from edgelet.adapters.podman import oci_user
from edgelet.ports.runtime import ProcessUser


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            '{"process": {"user": {"uid": 1000, "gid": 3000, "additionalGids": [4000, 10]}}}',
            ProcessUser(1000, 3000, (10, 3000, 4000)),
        ),
        ('{"process": {"user": {"uid": 0, "gid": 0}}}', ProcessUser(0, 0, (0,))),
        ('{"process": {"user": {}}}', ProcessUser(0, 0, (0,))),
        ('{"process": {"user": {"uid": "x"}}}', None),
        ('{"process": []}', None),
        ("{", None),
    ],
)
def test_the_user_is_that_of_the_first_process(tmp_path: Path, text: str, expected: ProcessUser | None) -> None:
    config = tmp_path / "config.json"
    config.write_text(text)
    assert oci_user.read(str(config)) == expected


def test_before_the_first_start_nobody_is_known(tmp_path: Path) -> None:
    assert oci_user.read("") is None
    assert oci_user.read(str(tmp_path / "config.json")) is None
