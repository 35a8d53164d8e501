from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import pytest

from tests.flow.cli.conftest import Edgelet
from tests.flow.cli.fake_agent import FakeAgent

WEB = """
apiVersion: v1
kind: Pod
metadata:
  name: web
spec:
  containers:
  - name: web
    image: nginx
"""
SETTINGS = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: settings}\ndata: {a: b}\n"
SPACE = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "shop"}}


def feed(monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(text.encode())))


def test_apply_says_created_configured_unchanged(edgelet: Edgelet, tmp_path: Path) -> None:
    file = tmp_path / "web.yaml"
    file.write_text(WEB)
    assert edgelet("apply", "-f", str(file)).out == "pod/web created\n"
    assert edgelet("apply", "-f", str(file)).out == "pod/web unchanged\n"
    file.write_text(WEB.replace("nginx", "nginx:2"))
    assert edgelet("apply", "-f", str(file)).out == "pod/web configured\n"


def test_apply_sends_the_object_as_an_apply_patch(edgelet: Edgelet, agent: FakeAgent, tmp_path: Path) -> None:
    file = tmp_path / "web.yaml"
    file.write_text(WEB)
    assert edgelet("apply", "-f", str(file), "-n", "shop", "--validate=strict").code == 0
    asked = agent.last("PATCH")
    assert asked.path == "/api/v1/namespaces/shop/pods/web"
    assert asked.content_type == "application/apply-patch+yaml"
    assert asked.get("fieldValidation") == "Strict"
    assert json.loads(asked.body)["metadata"] == {"name": "web", "namespace": "shop"}


def test_apply_reads_standard_input_with_several_documents_and_lists(
    edgelet: Edgelet, monkeypatch: pytest.MonkeyPatch
) -> None:
    listed = json.dumps({"apiVersion": "v1", "kind": "List", "items": [SPACE]})
    feed(monkeypatch, f"{WEB}---\n# nothing\n---\n{SETTINGS}---\n{listed}\n")
    ran = edgelet("apply", "-f", "-", "-n", "default")
    assert (ran.code, ran.err) == (0, "")
    assert ran.out == "pod/web created\nconfigmap/settings created\nnamespace/shop created\n"


def test_apply_reads_directories(edgelet: Edgelet, tmp_path: Path) -> None:
    (tmp_path / "b.yaml").write_text(WEB)
    (tmp_path / "a.json").write_text(json.dumps(SPACE))
    (tmp_path / "README.md").write_text("no manifest")
    (tmp_path / "deep").mkdir()
    (tmp_path / "deep" / "c.yml").write_text(SETTINGS)
    assert edgelet("apply", "-f", str(tmp_path)).out == "namespace/shop created\npod/web created\n"
    assert "configmap/settings created" in edgelet("apply", "-R", "-f", str(tmp_path)).out


def test_a_refused_object_does_not_stop_the_others(edgelet: Edgelet, agent: FakeAgent, tmp_path: Path) -> None:
    message = 'Pod "web" is invalid: spec.containers: Required value'
    agent.refusals["PATCH", "/api/v1/namespaces/default/pods/web"] = {
        "reason": "Invalid", "message": message, "code": 422,
    }  # fmt: skip
    file, bad = tmp_path / "all.yaml", tmp_path / "bad.yaml"
    file.write_text(f"{WEB}---\n{SETTINGS}")
    bad.write_text("a: b: c")
    ran = edgelet("apply", "-f", str(bad), "-f", str(file), "-f", str(tmp_path / "none.yaml"))
    assert ran.code == 1
    assert ran.out == "configmap/settings created\n"
    parsing, invalid, missing = ran.err.splitlines()
    assert parsing.startswith(f"error: error parsing {bad}: ")
    assert invalid == f"The {message}"
    assert missing == f'error: the path "{tmp_path}/none.yaml" does not exist'


@pytest.mark.parametrize(
    ("text", "error"),
    [
        ("kind: Foo\napiVersion: v1\nmetadata: {name: x}", 'no matches for kind "Foo" in version "v1"'),
        ("kind: Pod\napiVersion: v2\nmetadata: {name: x}", 'no matches for kind "Pod" in version "v2"'),
        ("kind: Pod\napiVersion: v1\nmetadata: {}", "metadata.name: Required value"),
        ("kind: Pod\napiVersion: v1", "metadata.name: Required value"),
        ("kind: Pod\napiVersion: v1\nmetadata: {name: x, namespace: other}", "does not match the namespace"),
        ("kind: Pod\nkind: Pod\napiVersion: v1", "kind"),
        ("", "no objects passed"),
        ("- 1", "error parsing STDIN"),
    ],
)
def test_what_is_no_object_is_told(edgelet: Edgelet, monkeypatch: pytest.MonkeyPatch, text: str, error: str) -> None:
    feed(monkeypatch, text)
    ran = edgelet("apply", "-f", "-", "-n", "default")
    assert (ran.code, ran.out) == (1, "")
    assert error in ran.err
    assert "Traceback" not in ran.err


def test_other_refusals_name_the_file(edgelet: Edgelet, agent: FakeAgent, tmp_path: Path) -> None:
    agent.refusals["PATCH", "/api/v1/namespaces/default/pods/web"] = {
        "reason": "Conflict", "message": "owned by mqtt", "code": 409,
    }  # fmt: skip
    file = tmp_path / "web.yaml"
    file.write_text(WEB)
    ran = edgelet("apply", "-f", str(file))
    assert ran.err == f'Error from server (Conflict): error when applying "{file}": owned by mqtt\n'


def test_a_dry_run_changes_nothing(edgelet: Edgelet, agent: FakeAgent, tmp_path: Path) -> None:
    file = tmp_path / "web.yaml"
    file.write_text(WEB)
    assert edgelet("apply", "-f", str(file), "--dry-run=server").out == "pod/web created (server dry run)\n"
    assert agent.last("PATCH").get("dryRun") == "All"
    assert edgelet("apply", "-f", str(file), "--dry-run=client").out == "pod/web created (dry run)\n"
    assert sum(one.method == "PATCH" for one in agent.asked) == 1
    assert agent.objects == {}
    assert edgelet("apply", "-f", str(file), "--dry-run=maybe").code == 1
    assert "invalid --validate option" in edgelet("apply", "-f", str(file), "--validate=maybe").err


def test_apply_prints_the_objects_when_asked(edgelet: Edgelet, tmp_path: Path) -> None:
    file = tmp_path / "web.yaml"
    file.write_text(WEB)
    assert edgelet("apply", "-f", str(file), "-o", "name").out == "pod/web\n"
    assert json.loads(edgelet("apply", "-f", str(file), "-o", "json").out)["metadata"]["name"] == "web"


def test_a_namespace_is_created_by_name_once(edgelet: Edgelet) -> None:
    assert edgelet("create", "namespace", "shop").out == "namespace/shop created\n"
    ran = edgelet("create", "ns", "shop")
    assert (ran.code, ran.err) == (1, 'Error from server (AlreadyExists): namespaces "shop" already exists\n')
    assert edgelet("create", "namespace").code == 1
    assert edgelet("create", "pod", "x").code == 1


def test_create_takes_files(edgelet: Edgelet, tmp_path: Path) -> None:
    file = tmp_path / "web.yaml"
    file.write_text(WEB)
    assert edgelet("create", "-f", str(file)).out == "pod/web created\n"
    ran = edgelet("create", "-f", str(file))
    assert ran.err == f'Error from server (AlreadyExists): error when creating "{file}": pods "web" already exists\n'


def some_pod(name: str, **labels: str) -> dict[str, Any]:
    return {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name, "labels": labels}, "spec": {}}


def test_delete_waits_until_the_object_is_gone(edgelet: Edgelet, agent: FakeAgent) -> None:
    agent.add("pods", some_pod("web"))
    agent.lingering = 3
    ran = edgelet("delete", "pod", "web")
    assert (ran.code, ran.out) == (0, 'pod "web" deleted\n')
    assert agent.objects == {}


def test_delete_does_not_wait_when_told_so(edgelet: Edgelet, agent: FakeAgent) -> None:
    agent.add("pods", some_pod("web"))
    agent.lingering = 1000
    ran = edgelet("delete", "pod", "web", "-n", "default", "--wait=false", "--grace-period=2")
    assert (ran.code, ran.out) == (0, 'pod "web" deleted\n')
    assert json.loads(agent.last("DELETE").body)["gracePeriodSeconds"] == 2
    assert agent.asked[-1].method == "DELETE"


def test_delete_gives_up_after_its_timeout(edgelet: Edgelet, agent: FakeAgent) -> None:
    agent.add("pods", some_pod("web"))
    agent.lingering = 1000
    ran = edgelet("delete", "pod/web", "--timeout=100ms")
    assert (ran.code, ran.err) == (1, "error: timed out waiting for the condition on pods/web\n")


def test_a_new_object_of_the_same_name_is_not_waited_for(edgelet: Edgelet, agent: FakeAgent) -> None:
    agent.add("pods", some_pod("web"))
    old = {"metadata": {"name": "web", "uid": "an-older-one"}}
    agent.refusals["DELETE", "/api/v1/namespaces/default/pods/web"] = {"code": 200, **old}
    assert edgelet("delete", "pod", "web").code == 0


@pytest.mark.parametrize(
    ("argv", "grace"),
    [([], None), (["--now"], 1), (["--grace-period=0"], 1), (["--force"], 0), (["--force", "--grace-period=0"], 0)],
)
def test_grace_is_what_kubectl_makes_of_the_flags(
    edgelet: Edgelet, agent: FakeAgent, argv: list[str], grace: int | None
) -> None:
    agent.add("pods", some_pod("web"))
    ran = edgelet("delete", "pod", "web", *argv)
    assert json.loads(agent.last("DELETE").body).get("gracePeriodSeconds") == grace
    assert ran.out == f'pod "web" {"force deleted" if "--force" in argv else "deleted"}\n'


def test_delete_takes_selectors_all_and_files(edgelet: Edgelet, agent: FakeAgent, tmp_path: Path) -> None:
    for name in ("a", "b", "web"):
        agent.add("pods", some_pod(name, app=name))
    assert edgelet("delete", "pods", "-l", "app=a").out == 'pod "a" deleted\n'
    file = tmp_path / "web.yaml"
    file.write_text(WEB)
    assert edgelet("delete", "-f", str(file)).out == 'pod "web" deleted\n'
    assert edgelet("delete", "pods", "--all").out == 'pod "b" deleted\n'
    assert edgelet("delete", "pods", "--all").out == "No resources found\n"


@pytest.mark.parametrize(
    ("argv", "err"),
    [
        (["pod", "nope"], 'Error from server (NotFound): pods "nope" not found\n'),
        (["pods"], "error: resource(s) were provided, but no name was specified\n"),
        (["pod", "web", "--all"], "error: name cannot be provided when a selector is specified\n"),
        (["pod", "web", "--now", "--grace-period=3"], "error: --now and --grace-period cannot be specified together"),
        (["pod", "web", "--force", "--grace-period=3"], "error: --force and --grace-period greater than 0"),
    ],
)
def test_a_wrong_delete_is_told(edgelet: Edgelet, argv: list[str], err: str) -> None:
    ran = edgelet("delete", *argv)
    assert ran.code == 1
    assert ran.err.startswith(err)


def test_absent_objects_may_be_ignored(edgelet: Edgelet) -> None:
    ran = edgelet("delete", "pod", "nope", "--ignore-not-found")
    assert (ran.code, ran.out, ran.err) == (0, "", "")


@pytest.mark.parametrize(
    ("kind", "content_type"),
    [
        ("merge", "application/merge-patch+json"),
        ("strategic", "application/strategic-merge-patch+json"),
        ("json", "application/json-patch+json"),
    ],
)
def test_a_patch_goes_with_its_type(edgelet: Edgelet, agent: FakeAgent, kind: str, content_type: str) -> None:
    agent.add("pods", some_pod("web"))
    body = '[{"op": "x"}]' if kind == "json" else '{"a": 1}'
    ran = edgelet("patch", "pod", "web", "-n", "default", "--type", kind, "-p", body)
    assert (ran.code, ran.out) == (0, "pod/web patched\n")
    assert agent.last("PATCH").content_type == content_type
    assert json.loads(agent.last("PATCH").body) == json.loads(body)


def test_a_patch_may_be_yaml_or_a_file_and_change_nothing(edgelet: Edgelet, agent: FakeAgent, tmp_path: Path) -> None:
    agent.add("pods", some_pod("web"))
    file = tmp_path / "patch.yaml"
    file.write_text("status:\n  phase: Failed\n")
    assert edgelet("patch", "pod/web", "--patch-file", str(file), "--subresource", "status").code == 1
    assert agent.last("PATCH").path == "/api/v1/namespaces/default/pods/web/status"
    assert edgelet("patch", "pod/web", "--patch-file", str(file)).out == "pod/web patched\n"
    assert json.loads(agent.last("PATCH").body) == {"status": {"phase": "Failed"}}
    assert edgelet("patch", "pod/web", "-p", "{}").out == "pod/web patched (no change)\n"


@pytest.mark.parametrize(
    "argv", [["pod", "web"], ["pod", "web", "-p", "a: b: c"], ["pod", "-p", "{}"], ["pod", "nope", "-p", "{}"],
             ["pod", "web", "-p", "{}", "--type=xml"], ["pod", "web", "-p", "{}", "--subresource=log"]]
)  # fmt: skip
def test_a_wrong_patch_is_told(edgelet: Edgelet, agent: FakeAgent, argv: list[str]) -> None:
    agent.add("pods", some_pod("web"))
    ran = edgelet("patch", *argv)
    assert (ran.code, ran.out) == (1, "")
    assert ran.err.startswith(("error: ", "Error from server (NotFound)"))
