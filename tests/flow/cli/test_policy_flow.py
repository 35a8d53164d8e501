"""`policy check` and `policy audit`: the command line, the files, and an agent to be asked what runs."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests import builders
from tests.flow.cli.conftest import Edgelet
from tests.flow.cli.fake_agent import FakeAgent

C = builders.container_document


@pytest.fixture
def settings(tmp_path: Path) -> Path:
    """Settings that name a policy, so that no file of this machine counts."""
    file = tmp_path / "edgelet.toml"
    policy = tmp_path / "policy.toml"
    policy.write_text('[source.manifest]\nprofile = "privileged"\n')
    policy.chmod(0o600)
    file.write_text(f'[admission]\npolicy = "{policy}"\n')
    return file


def manifest(tmp_path: Path, *documents: dict[str, Any]) -> str:
    file = tmp_path / "pods.yaml"
    file.write_text("\n---\n".join(json.dumps(one) for one in documents))
    return str(file)


def test_a_check_names_each_rule_and_field(edgelet: Edgelet, settings: Path, tmp_path: Path) -> None:
    bad = builders.pod_document("bad", C(securityContext={"privileged": True}), hostNetwork=True)
    file = manifest(tmp_path, builders.pod_document("good"), bad, builders.config_map_document())
    ran = edgelet("policy", "check", "-f", file, "--config", str(settings))
    assert (ran.code, ran.err) == (1, "")
    assert ran.out == (
        "pod/good: allowed\n"
        "pod/bad: refused\n"
        "  spec.hostNetwork: host namespaces: true\n"
        "  spec.containers[0].securityContext.privileged: privileged: true\n"
        "configmap/cfg: allowed\n"
    )


def test_a_check_is_for_one_source(edgelet: Edgelet, settings: Path, tmp_path: Path) -> None:
    file = manifest(tmp_path, builders.pod_document(hostNetwork=True))
    ran = edgelet("policy", "check", "-f", file, "--config", str(settings), "--source", "manifest")
    assert (ran.code, ran.out) == (0, "pod/web: allowed\n")
    assert edgelet("policy", "check", "-f", file, "--config", str(settings), "--source", "api").code == 1


def test_a_draft_is_tried_before_it_counts(edgelet: Edgelet, settings: Path, tmp_path: Path) -> None:
    draft = tmp_path / "draft.toml"
    draft.write_text("digests_only = true")
    draft.chmod(0o666)
    file = manifest(tmp_path, builders.pod_document())
    ran = edgelet("policy", "check", "-f", file, "--config", str(settings), "--policy", str(draft))
    assert ran.code == 1
    assert "spec.containers[0].image: digests_only" in ran.out


def test_an_object_that_is_wrong_anyhow_is_told_too(edgelet: Edgelet, settings: Path, tmp_path: Path) -> None:
    file = manifest(tmp_path, builders.pod_document("web", {"name": "c"}))
    ran = edgelet("policy", "check", "-f", file, "--config", str(settings))
    assert ran.code == 1
    assert "spec.containers[0].image: Required value" in ran.out


def test_a_policy_that_cannot_be_used_is_told_with_its_key(edgelet: Edgelet, settings: Path, tmp_path: Path) -> None:
    draft = tmp_path / "draft.toml"
    draft.write_text("profile = 'no'\nhost_ports = [0]")
    ran = edgelet("policy", "check", "-f", "-", "--config", str(settings), "--policy", str(draft))
    assert (ran.code, ran.out) == (1, "")
    for words in (f"cannot use the policy {draft}: profile: ", "host_ports.0.first: "):
        assert words in ran.err


def test_an_audit_lists_what_would_be_refused_now(edgelet: Edgelet, agent: FakeAgent, settings: Path) -> None:
    def pod(name: str, source: str, **spec: Any) -> dict[str, Any]:
        document = builders.complete_pod_document(name, **spec)
        document["metadata"]["annotations"] = {"kubernetes.io/config.source": source}
        return document

    agent.add("pods", pod("plain", "mqtt"))
    assert edgelet("policy", "audit", "--config", str(settings)).out == "all 1 pods would be let in\n"
    agent.add("pods", pod("net", "mqtt", hostNetwork=True))
    agent.add("pods", pod("file", "file", hostNetwork=True))
    ran = edgelet("policy", "audit", "--config", str(settings))
    assert (ran.code, ran.out) == (
        1,
        "pod/net -n default, from mqtt:\n  host namespaces (spec.hostNetwork=true)\n",
    )
