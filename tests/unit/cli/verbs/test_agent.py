from __future__ import annotations

from pathlib import Path

import pytest

from edgelet.cli.verbs.agent import uses_tls


@pytest.mark.parametrize(
    ("text", "environ", "expected"),
    [
        ('[mqtt]\nurl = "mqtts://broker"', {}, True),
        ('[mqtt]\nurl = "mqtt://broker"', {}, False),
        ('[mqtt]\nurl = "mqtt://broker"', {"EDGELET_MQTT_URL": "mqtts://other"}, True),
        ('[mqtt]\nurl = "mqtts://broker"', {"EDGELET_MQTT_URL": "mqtt://other"}, False),
        ("", {}, False),
        ("[mqtt", {}, False),
        ("mqtt = 3", {}, False),
        ("[mqtt]\nurl = 3", {}, False),
        ('[api]\ntcp_listen = "127.0.0.1:7443"', {}, True),
        ('[api]\ntcp_listen = ""', {}, False),
        ("", {"EDGELET_API_TCP_LISTEN": "0.0.0.0:7443"}, True),
    ],
)
def test_tls_is_seen_before_the_settings_are_judged(
    tmp_path: Path, text: str, environ: dict[str, str], *, expected: bool
) -> None:
    file = tmp_path / "edgelet.toml"
    file.write_text(text)
    assert uses_tls(file, environ) is expected


def test_a_file_that_is_not_there_is_no_reason_to_fail_here(tmp_path: Path) -> None:
    assert uses_tls(tmp_path / "none.toml", {}) is False
    assert uses_tls(None, {}) is False
