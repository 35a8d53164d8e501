from __future__ import annotations

import json
from pathlib import Path

import pytest
import yaml

from edgelet.adapters.podman import engine_home
from edgelet.api.errors import EngineError

SIGNED = [{"type": "sigstoreSigned", "keyPath": "/k.pub"}]


def scopes(policy: object, said: str = "") -> object:
    return yaml.safe_load(engine_home.attachments(policy, said))


def test_signatures_are_looked_for_where_the_policy_asks_for_them() -> None:
    policy = {
        "default": [{"type": "reject"}],
        "transports": {
            "docker": {
                "registry.example/team": SIGNED,
                "*.example": SIGNED,
                "docker.io": [{"type": "insecureAcceptAnything"}],
                "quay.example": [{"type": "signedBy"}],
            },
            "docker-daemon": {"": SIGNED},
        },
    }
    assert scopes(policy) == {"docker": {"registry.example/team": {"use-sigstore-attachments": True}}}


def test_a_default_that_asks_for_them_counts_for_all() -> None:
    assert scopes({"default": SIGNED}) == {"default-docker": {"use-sigstore-attachments": True}}
    assert scopes({"default": [], "transports": {"docker": {"": SIGNED}}}) == {
        "default-docker": {"use-sigstore-attachments": True}
    }


def test_what_other_files_say_is_not_said_again() -> None:
    policy = {"default": SIGNED, "transports": {"docker": {"a.example": SIGNED, "b.example": SIGNED}}}
    said = 'default-docker:\n  lookaside: file:///x\ndocker:\n  "a.example":\n    lookaside: file:///y\n'
    assert scopes(policy, said) == {"docker": {"b.example": {"use-sigstore-attachments": True}}}


@pytest.mark.parametrize("policy", [{}, [], {"default": 3, "transports": []}, {"transports": {"docker": {"x": 1}}}])
def test_a_policy_without_them_needs_nothing(policy: object) -> None:
    assert scopes(policy) == {}


def test_the_home_has_what_roots_own_has_but_for_the_policy(tmp_path: Path) -> None:
    host, host_d, home = tmp_path / "root", tmp_path / "d", tmp_path / "home"
    config = host / ".config" / "containers"
    config.mkdir(parents=True)
    (host / ".docker").mkdir()
    (config / "auth.json").write_text("{}")
    (config / "policy.json").write_text("old")
    host_d.mkdir()
    (host_d / "default.yaml").write_text("default-docker:\n  lookaside: file:///x\n")
    (host_d / "notes.txt").write_text("no rules")
    signatures = tmp_path / "rules.json"
    signatures.write_text(json.dumps({"default": SIGNED}))
    for _ in range(2):
        engine_home.make(home, signatures, host_home=host, host_d=host_d)
    made = home / ".config" / "containers"
    assert (made / "policy.json").resolve() == signatures
    assert (made / "auth.json").read_text() == "{}"
    assert (home / ".docker").resolve() == host / ".docker"
    assert {one.name for one in (made / "registries.d").iterdir()} == {"default.yaml", "edgelet-sigstore.yaml"}

    signatures.write_text("{")
    with pytest.raises(EngineError, match=r"cannot read the signature policy .*rules.json"):
        engine_home.make(home, signatures, host_home=host, host_d=host_d)


def test_a_root_without_settings_of_its_own_is_no_obstacle(tmp_path: Path) -> None:
    signatures = tmp_path / "rules.json"
    signatures.write_text('{"default": []}')
    engine_home.make(tmp_path / "home", signatures, host_home=tmp_path / "none", host_d=tmp_path / "none")
    assert (tmp_path / "home/.config/containers/policy.json").read_text() == '{"default": []}'
