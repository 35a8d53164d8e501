from __future__ import annotations

import re
import tomllib
from pathlib import Path
from typing import Any

import pytest

from edgelet.config.load import SettingsError, load
from edgelet.config.settings import Settings

SHIPPED = Path(__file__).parents[3] / "configs" / "edgelet.toml"


def refused(text: str, tmp_path: Path, environ: dict[str, str] | None = None) -> str:
    file = tmp_path / "edgelet.toml"
    file.write_text(text)
    with pytest.raises(SettingsError) as caught:
        load(file, environ or {})
    return caught.value.message


def test_without_a_file_every_setting_has_its_default() -> None:
    settings = load(None, {})
    assert settings.paths.state == Path("/var/lib/edgelet")
    assert settings.api_socket == Path("/run/edgelet/edgelet.sock")
    assert settings.mqtt.keepalive_s == 180


def test_the_shipped_file_names_every_setting_and_no_other() -> None:
    text = SHIPPED.read_text()
    found: dict[str, set[str]] = {}
    table = ""
    for line in text.splitlines():
        if heading := re.fullmatch(r"\[(\w+)\]", line):
            table = heading[1]
        elif setting := re.match(r"# ([a-z_]+) = ", line):
            found.setdefault(table, set()).add(setting[1])
    expected = {
        name: set(field.annotation.model_fields)  # type: ignore[union-attr]  # every field is a Section
        for name, field in Settings.model_fields.items()
    }
    assert found == expected


def test_the_shipped_defaults_are_the_real_ones() -> None:
    uncommented = re.sub(r"(?m)^# (?=[a-z_]+ = )", "", SHIPPED.read_text())
    shown: dict[str, dict[str, Any]] = tomllib.loads(uncommented)
    settings = Settings()
    for table, values in shown.items():
        for key, value in values.items():
            default = getattr(getattr(settings, table), key)
            if default is None or (table, key) == ("node", "name"):
                continue  # shown as an example
            real = (
                str(default) if isinstance(default, Path) else list(default) if isinstance(default, tuple) else default
            )
            assert value == real, f"{table}.{key}"


def test_the_environment_wins_over_the_file(tmp_path: Path) -> None:
    file = tmp_path / "edgelet.toml"
    file.write_text('[node]\nname = "a"\n[mqtt]\nkeepalive_s = 30\n')
    settings = load(file, {"EDGELET_NODE_NAME": "b", "EDGELET_MQTT_KEEPALIVE_S": "45"})
    assert (settings.node.name, settings.mqtt.keepalive_s) == ("b", 45)


def test_labels_come_from_the_environment_as_json() -> None:
    assert load(None, {"EDGELET_NODE_LABELS": '{"role": "mast"}'}).node.labels == {"role": "mast"}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("[node]\nname = 'No'\n", "node.name: 'No' is no DNS label"),
        ("[mqtt]\nkeepalive_s = 0\n", "mqtt.keepalive_s"),
        ("[mqtt]\nurl = 'http://x'\n", "mqtt.url: 'http://x': mqtt://HOST"),
        ("[mqtt]\nurl = 'mqtt://user:secret@x'\n", "mqtt.url: a user name or password does not belong"),
        ("[paths]\nstate = 'var'\n", "paths.state: 'var' is not absolute"),
        ("[network]\npool = '10.0.0.0/30'\n", "network.pool"),
        ("[network]\npool = '10.0.0.1/16'\n", "network.pool"),
        ("[network]\nbridge = 'much-too-long-a-name'\n", "network.bridge"),
        ("[network]\npod_dns = 'coredns'\n", "network.pod_dns"),
        ("[network]\ncluster_domain = 'Cluster.local.'\n", "network.cluster_domain: 'Cluster.local.' is no DNS domain"),
        ("[network]\npod_dns = 'aardvark'\n[podman]\nsocket = '/s'\n", "network.pod_dns: an engine that edgelet does"),
        ("[nodes]\n", "nodes: Extra inputs are not permitted"),
        ("[node]\nnam = 'x'\n", "node.nam: Extra inputs are not permitted"),
        ("[mqtt]\nclient_cert = '/c'\n", "mqtt.client_cert: client_cert and client_key go together"),
        ("[identity]\nrenew_from = 0.95\n", "identity.renew_from: more than renew_to"),
        ("[identity]\nretry_min_s = 80000\n", "identity.retry_min_s: more than retry_max_s"),
        ("[identity]\npassword_file = '/p'\n", "identity.user: password_file needs a user"),
        (
            "[identity]\njoin_url = 'mqtt://b'\n",
            "identity.join_url: 'mqtt://b': mqtts://HOST[:PORT] expected, the pass",
        ),
        ("[identity]\njoin_url = 'mqtts://u:p@b'\n", "identity.join_url: a user name or password does not belong into"),
        (
            "[mqtt]\nurl = 'mqtts://b'\nclient_cert = '/c'\nclient_key = '/c'\n",
            "identity.renew: certificate and key in one file cannot be renewed: use two",
        ),
        ("[api]\ntcp_listen = '0.0.0.0:7443'\n", "api.tcp_cert: tcp_listen needs it"),
        ("[api]\ntcp_listen = '0.0.0.0:7443'\n", "api.tcp_clients: tcp_listen needs the names"),
        ("[api]\ntcp_listen = '7443'\n", "api.tcp_listen: '7443': HOST:PORT or [HOST]:PORT expected"),
        ("[api]\ntcp_listen = '[::1]:70000'\n", "api.tcp_listen: "),
        ("[admission]\npolicy = 'policy.toml'\n", "admission.policy: 'policy.toml' is not absolute"),
        ("[podman]\nstorage_root = '/c'\n", "podman.run_root: storage_root and run_root go together"),
        ("[eviction]\nhard = {'memory.free' = '1Mi'}\n", "eviction.hard: 'memory.free' is none of imagefs.available, "),
        ("[eviction]\nhard = {'memory.available' = '0'}\n", "memory.available: '0' is no bound; 0% switches it off"),
        ("[eviction]\nhard = {'memory.available' = '101%'}\n", "eviction.hard: '101%' is not between 0% and 100%"),
        ("[eviction]\nsoft = {'memory.available' = '1Gi'}\n", "memory.available has a soft threshold and no period"),
        ("[eviction]\nminimum_reclaim = {'memory.available' = '-1'}\n", "eviction.minimum_reclaim: '-1' is negative"),
        ("[eviction]\nsoft_grace_period_s = {'memory.available' = -1}\n", "memory.available: -1 is less than 0"),
        ("node = 3\n", "node:"),
        ("[node\n", "no TOML"),
    ],
)
def test_a_wrong_setting_is_named(text: str, expected: str, tmp_path: Path) -> None:
    assert expected in refused(text, tmp_path)


def test_every_fault_is_told_at_once(tmp_path: Path) -> None:
    message = refused("[node]\nname = 'No'\n[mqtt]\nkeepalive_s = 0\n", tmp_path, {"EDGELET_FOO_BAR": "1"})
    assert all(word in message for word in ("node.name", "mqtt.keepalive_s", "EDGELET_FOO_BAR: there is no such"))


def test_a_password_in_the_url_is_not_repeated_in_the_error(tmp_path: Path) -> None:
    assert "secret" not in refused("[mqtt]\nurl = 'mqtt://user:secret@x'\n", tmp_path)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="cannot read it"):
        load(tmp_path / "none.toml", {})


def test_a_hard_threshold_that_is_not_named_keeps_its_default(tmp_path: Path) -> None:
    file = tmp_path / "edgelet.toml"
    file.write_text("[eviction]\nhard = {'memory.available' = '50Mi', 'nodefs.available' = '0%'}\n")
    assert load(file, {}).eviction.hard == {
        "memory.available": "50Mi",
        "nodefs.available": "0%",
        "nodefs.inodesFree": "5%",
        "imagefs.available": "15%",
        "imagefs.inodesFree": "5%",
    }
    from_environment = load(None, {"EDGELET_EVICTION_HARD": '{"pid.available": "100"}'})
    assert from_environment.eviction.hard["pid.available"] == "100"


def test_variables_of_the_command_line_are_no_settings() -> None:
    own = {"EDGELET_SOCKET": "/run/x.sock", "EDGELET_CONFIG": "/etc/x.toml", "EDGELET_CA_DIR": "/var/lib/edgelet-ca"}
    assert load(None, own) == load(None, {})
