from __future__ import annotations

import os
from pathlib import Path

import pytest

from edgelet.api.quantity import Quantity
from edgelet.config import policy_file
from edgelet.config.policy import HostPath, Policy, PortRange, Rules
from edgelet.config.policy_file import PolicyError

SHIPPED = Path(__file__).parents[3] / "configs" / "policy.toml"
OWNER = os.geteuid()


def parsed(text: str) -> Policy:
    return policy_file.parse(text, Path("p.toml"), owner=OWNER)


def faults(text: str) -> str:
    with pytest.raises(PolicyError) as caught:
        parsed(text)
    assert caught.value.message.startswith("cannot use the policy p.toml: ")
    return caught.value.message


def test_every_key_is_read() -> None:
    policy = parsed(
        """
        profile = "restricted"
        namespaces = ["default"]
        images = ["registry.example/team/", "localhost", "127.0.0.1:5000/x"]
        digests_only = true
        privileged = false
        capabilities = ["NET_ADMIN"]
        host_network = true
        host_pid = false
        host_ipc = false
        host_ports = [53, "8000-8099"]
        host_paths = ["//srv//data/", {path = "/etc/localtime", read_only = true}]
        devices = ["/dev/ttyUSB*"]
        max_container = {cpu = 1.5, memory = "64Mi", ephemeral_storage = "1Gi"}
        max_pods = 5
        remote_verbs = ["logs"]
        """
    )
    assert policy.images == ("registry.example/team", "localhost", "127.0.0.1:5000/x")
    assert policy.host_ports == (PortRange(first=53, last=53), PortRange(first=8000, last=8099))
    assert policy.host_paths == (HostPath(path="/srv/data"), HostPath(path="/etc/localtime", read_only=True))
    assert policy.max_container is not None
    assert dict(policy.max_container.items())["cpu"] == Quantity.parse("1500m")
    assert policy.allows_verb("logs")
    assert not policy.allows_verb("exec")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("profile = 'strict'", "profile: "),
        ("profil = 'baseline'", "profil: Extra inputs"),
        ("x = [1", "no TOML"),
        (f"max_pods = {'9' * 5000}", "no TOML"),
        (f"x = {'[' * 5000}", "no TOML"),
        ("max_pod = {cpu = inf}", "max_pod.cpu"),
        ("max_pod = {gpu = 1}", "max_pod.gpu"),
        ('"" = 1', "Extra inputs"),
        ("a = 1\nb = ?\n", "line 2"),
        ("images = ['busybox']", "images: 'busybox' is no registry"),
        ("images = ['registry.example/app:1']", "images: "),
        ("capabilities = ['CAP_NET_ADMIN']", "capabilities: "),
        ("host_ports = ['80-70']", "goes downwards"),
        ("host_ports = [0]", "host_ports.0.first"),
        ("host_ports = ['x']", "host_ports.0: 'x' is no port"),
        ("host_ports = [true]", "host_ports.0: True is no port"),
        ("host_paths = ['srv']", "host_paths.0.path: 'srv' is no absolute path"),
        ("host_paths = ['/srv/../etc']", "host_paths.0.path"),
        ("devices = ['/srv']", "devices: '/srv' is not below /dev"),
        ("devices = ['/dev']", "devices: "),
        ("max_pod = {cpu = 'much'}", "max_pod.cpu"),
        ("max_pods = -1", "max_pods"),
        ("signatures = 'x.json'", "signatures: 'x.json' is not absolute"),
        ("[source.broker]", "source.broker"),
        ("[namespace.a]\nprofile = 'privileged'", "namespace.a.sources: Field required"),
        ("remote_verbs = ['rm']", "remote_verbs.0"),
    ],
)
def test_a_fault_names_its_key(text: str, words: str) -> None:
    assert words in faults(text)


def test_all_faults_are_told_at_once() -> None:
    told = faults("profile = 1\nmax_pods = 'x'")
    assert "profile: " in told
    assert "max_pods: " in told


def test_the_last_layer_decides() -> None:
    policy = parsed(
        """
        profile = "restricted"
        host_network = true
        [source.manifest]
        profile = "privileged"
        [namespace.infra]
        sources = ["manifest"]
        profile = "baseline"
        host_network = false
        """
    )
    assert policy.rules("mqtt", "infra") == Rules(profile="restricted", host_network=True)
    assert policy.rules("manifest", "shop") == Rules(profile="privileged", host_network=True)
    assert policy.rules("manifest", "infra") == Rules(profile="baseline", host_network=False)
    assert policy.rules("controller", "infra").profile == "restricted"


def test_a_file_that_others_could_write_is_not_trusted(tmp_path: Path) -> None:
    file = tmp_path / "policy.toml"
    file.write_text("max_pods = 3")
    file.chmod(0o644)
    assert policy_file.load(file, owner=OWNER).max_pods == 3
    for mode in (0o664, 0o646):
        file.chmod(mode)
        with pytest.raises(PolicyError, match="others may write it"):
            policy_file.load(file, owner=OWNER)
        assert policy_file.load(file, owner=None).max_pods == 3
    file.chmod(0o600)
    with pytest.raises(PolicyError, match=f"it belongs to uid {OWNER}"):
        policy_file.load(file, owner=OWNER + 1)


def test_a_file_that_others_could_replace_is_not_trusted(tmp_path: Path) -> None:
    file = tmp_path / "policy.toml"
    file.write_text("max_pods = 3")
    file.chmod(0o600)
    for mode in (0o770, 0o707):
        tmp_path.chmod(mode)
        with pytest.raises(PolicyError, match=f"others may replace it: its directory {tmp_path} has mode 0{mode:o}"):
            policy_file.load(file, owner=OWNER)
    tmp_path.chmod(0o1777)  # as /tmp: a file is its owner's there
    assert policy_file.load(file, owner=OWNER).max_pods == 3


@pytest.mark.parametrize("above", ["open", "open/shut"])
@pytest.mark.parametrize("linked", [False, True])
def test_no_directory_above_the_file_or_above_what_it_leads_to_may_be_written_by_others(
    tmp_path: Path, above: str, *, linked: bool
) -> None:
    (tmp_path / above).mkdir(parents=True)
    file = tmp_path / above / "policy.toml"
    file.write_text("max_pods = 3")
    file.chmod(0o600)
    named = tmp_path / "link.toml" if linked else file
    if linked:
        named.symlink_to(file)
    assert policy_file.load(named, owner=OWNER).max_pods == 3
    (tmp_path / "open").chmod(0o777)
    with pytest.raises(PolicyError, match=f"others may replace it: its directory {tmp_path / 'open'} has mode 0777"):
        policy_file.load(named, owner=OWNER)


def test_a_link_that_leads_to_nothing_is_not_taken_for_no_policy(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(policy_file, "DEFAULT", tmp_path / "policy.toml")
    assert policy_file.load(None, owner=OWNER) == Policy()
    (tmp_path / "policy.toml").symlink_to(tmp_path / "mount" / "policy.toml")
    with pytest.raises(PolicyError, match=f"it leads to {tmp_path}/mount/policy.toml, and there is no such file"):
        policy_file.load(None, owner=OWNER)


def test_a_file_that_is_named_has_to_be_there(tmp_path: Path) -> None:
    with pytest.raises(PolicyError, match="there is no such file"):
        policy_file.load(tmp_path / "none.toml", owner=OWNER)


def test_what_is_no_file_is_refused_at_once(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    for path in (pipe, tmp_path):
        with pytest.raises(PolicyError):
            policy_file.load(path, owner=OWNER)


def test_bytes_that_are_no_text_are_a_fault(tmp_path: Path) -> None:
    file = tmp_path / "policy.toml"
    file.write_bytes(b"\xff\xfe")
    with pytest.raises(PolicyError, match="no TOML"):
        policy_file.load(file, owner=OWNER)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (None, "cannot read it"),
        ("{", "no JSON"),
        ("[]", 'needs a list "default"'),
        ('{"default": {}}', 'needs a list "default"'),
    ],
)
def test_rules_of_signatures_that_cannot_be_used_are_a_fault(tmp_path: Path, content: str | None, words: str) -> None:
    file = tmp_path / "policy.json"
    if content is not None:
        file.write_text(content)
        file.chmod(0o644)
    told = faults(f'signatures = "{file}"')
    assert f"signatures: {file}: " in told
    assert words in told


def test_rules_of_signatures_that_can_be_used_are_taken(tmp_path: Path) -> None:
    file = tmp_path / "policy.json"
    file.write_text('{"default": [{"type": "reject"}]}')
    file.chmod(0o644)
    assert parsed(f'signatures = "{file}"').signatures == file
    file.chmod(0o666)
    assert "others may write it" in faults(f'signatures = "{file}"')


def test_the_shipped_file_decides_nothing_and_names_every_key() -> None:
    text = SHIPPED.read_text()
    assert parsed(text) == Policy()
    for name in Policy.model_fields:
        assert f"{name} = " in text or f"[{name}." in text, name


def test_the_examples_of_the_shipped_file_are_good(tmp_path: Path) -> None:
    rules = tmp_path / "p.json"
    rules.write_text('{"default": []}')
    rules.chmod(0o644)
    lines = [line[2:] for line in SHIPPED.read_text().splitlines() if line.startswith(("# ", "#[")) and _is_toml(line)]
    policy = parsed("\n".join(lines).replace("/etc/edgelet/image-policy.json", str(rules)))
    assert policy.images
    assert policy.source["manifest"].profile == "privileged"


def _is_toml(line: str) -> bool:
    key, equals, _ = line[2:].partition(" = ")
    return line.startswith("# [") or bool(equals and key[0].islower() and " " not in key)
