from __future__ import annotations

import json
import socket
import tempfile
import threading
from typing import Any

import pytest

from tests.flow.cli.conftest import Edgelet
from tests.flow.cli.fake_agent import FakeAgent


def pod(name: str, namespace: str = "default", **labels: str) -> dict[str, Any]:
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": name, "namespace": namespace, "labels": labels},
        "spec": {"containers": [{"name": "a"}]},
        "status": {"phase": "Running"},
    }


@pytest.fixture
def agent(agent: FakeAgent) -> FakeAgent:
    agent.add("pods", pod("web", app="web"))
    agent.add("pods", pod("db", app="db"))
    agent.add("pods", pod("far", "other"))
    return agent


@pytest.mark.parametrize(
    "argv",
    [
        ["get", "pods"], ["get", "po"], ["get", "pod"], ["-n", "default", "get", "pods"],
        ["get", "pods", "-n", "default"], ["get", "pods", "--request-timeout=5s"],
    ],
)  # fmt: skip
def test_pods_of_a_namespace_are_a_table(edgelet: Edgelet, argv: list[str]) -> None:
    ran = edgelet(*argv)
    assert ran.code == 0
    assert [line.split()[0] for line in ran.out.splitlines()] == ["NAME", "db", "web"]


def test_all_namespaces_have_a_column(edgelet: Edgelet) -> None:
    ran = edgelet("get", "pods", "-A")
    assert [line.split()[:2] for line in ran.out.splitlines()] == [
        ["NAMESPACE", "NAME"], ["default", "db"], ["default", "web"], ["other", "far"],
    ]  # fmt: skip


def test_one_object_as_json_is_the_object(edgelet: Edgelet) -> None:
    found = json.loads(edgelet("get", "pod", "web", "-o", "json", "-n", "default").out)
    assert (found["kind"], found["metadata"]["name"]) == ("Pod", "web")


def test_a_list_as_json_has_complete_items(edgelet: Edgelet) -> None:
    ran = edgelet("get", "pod", "-o", "json", "-l", "app=web")
    found = json.loads(ran.out)
    assert found["kind"] == "List"
    assert [(one["kind"], one["apiVersion"], one["metadata"]["name"]) for one in found["items"]] == [
        ("Pod", "v1", "web")
    ]
    assert ran.out.startswith('{\n    "apiVersion": "v1",\n    "items": [\n')


def test_an_empty_list_as_json_is_a_list(edgelet: Edgelet) -> None:
    ran = edgelet("get", "pods", "-o", "json", "-n", "nowhere")
    assert (ran.code, json.loads(ran.out)["items"], ran.err) == (0, [], "")


@pytest.mark.parametrize(
    ("argv", "text"),
    [
        (["-o", "name"], "pod/db\npod/web\n"),
        (["-oname"], "pod/db\npod/web\n"),
        (["-o", "jsonpath={.items[*].metadata.name}"], "db web"),
        (["-ojsonpath={range .items[*]}{.metadata.name}{'\\n'}{end}"], "db\nweb\n"),
        (["-o", "jsonpath=.items[0].metadata.name"], "db"),
        (["-o", "custom-columns=N:.metadata.name,L:.metadata.labels.app"], "N     L\ndb    db\nweb   web\n"),
        (["-o", "custom-columns=N:.metadata.name", "--no-headers"], "db\nweb\n"),
        (["-oname", "--sort-by", "{.metadata.labels.app}"], "pod/db\npod/web\n"),
        (["-oname", "--sort-by=.metadata.uid"], "pod/db\npod/web\n"),
    ],
)
def test_parts_are_printed_for_scripts(edgelet: Edgelet, argv: list[str], text: str) -> None:
    ran = edgelet("get", "pods", *argv)
    assert (ran.out, ran.err, ran.code) == (text, "", 0)


def test_yaml_is_sorted_and_whole(edgelet: Edgelet) -> None:
    ran = edgelet("get", "pod/web", "-o", "yaml")
    assert ran.out.startswith("apiVersion: v1\nkind: Pod\nmetadata:\n  labels:\n    app: web\n  name: web\n")


def test_what_is_not_there_is_an_error_of_the_server(edgelet: Edgelet) -> None:
    ran = edgelet("get", "pods", "nope", "-o", "json")
    assert (ran.code, ran.out, ran.err) == (1, "", 'Error from server (NotFound): pods "nope" not found\n')


def test_found_objects_are_shown_beside_missing_ones(edgelet: Edgelet) -> None:
    ran = edgelet("get", "pods", "web", "nope")
    assert ran.code == 1
    assert ran.out.splitlines()[1].startswith("web")
    assert 'pods "nope" not found' in ran.err
    ran = edgelet("get", "pods", "nope", "--ignore-not-found")
    assert (ran.code, ran.out, ran.err) == (0, "", "")


@pytest.mark.parametrize(
    ("argv", "err"),
    [
        (["pods", "-n", "empty"], "No resources found in empty namespace.\n"),
        (["pods", "-A", "-l", "app=none"], "No resources found\n"),
        (["nodes"], "No resources found\n"),
        (["all", "-n", "empty"], "No resources found in empty namespace.\n"),
    ],
)
def test_an_empty_table_is_told_and_no_error(edgelet: Edgelet, argv: list[str], err: str) -> None:
    ran = edgelet("get", *argv)
    assert (ran.code, ran.out, ran.err) == (0, "", err)


@pytest.mark.parametrize(
    ("argv", "err"),
    [
        (["foos"], 'error: the server doesn\'t have a resource type "foos"\n'),
        (["deployments"], 'error: the server doesn\'t have a resource type "deployments"\n'),
        (["pods", "web", "-l", "a=b"], "error: name cannot be provided when a selector is specified\n"),
        (["pods", "web", "-A"], "error: a resource cannot be retrieved by name across all namespaces\n"),
        (["pods", "-o", "jsonpath"], "error: template format specified but no template given: -o jsonpath=...\n"),
        (["pods", "-o", "jsonpath={.a"], "error: error parsing jsonpath {.a, unclosed action\n"),
        (["pods", "pod/web"], "error: there is no need to specify a resource type"),
        (["pods", "-o", "xml"], 'error: unable to match a printer suitable for the output format "xml"'),
        (["--bad"], "error: unknown flag: --bad\nSee 'edgelet get --help' for usage.\n"),
        ([], "error: You must specify the type of resource to get"),
        (["pods", ""], "error: resource name may not be empty\n"),
    ],
)
def test_a_wrong_command_line_is_told(edgelet: Edgelet, argv: list[str], err: str) -> None:
    ran = edgelet("get", *argv)
    assert (ran.code, ran.out) == (1, "")
    assert ran.err.startswith(err)


def test_several_types_stand_under_each_other_with_their_names(edgelet: Edgelet, agent: FakeAgent) -> None:
    agent.add("configmaps", {"metadata": {"name": "settings"}, "data": {"a": "b"}})
    ran = edgelet("get", "pods,cm")
    assert "pod/web" in ran.out
    assert "\n\nNAME                 DATA   AGE\nconfigmap/settings   1" in ran.out
    assert "pod/web" in edgelet("get", "all").out
    ran = edgelet("get", "pod/web", "cm/settings", "-oname")
    assert ran.out == "pod/web\nconfigmap/settings\n"


def test_selectors_reach_the_agent(edgelet: Edgelet, agent: FakeAgent) -> None:
    edgelet("get", "pods", "--selector=app=web", "--field-selector", "metadata.name=web")
    assert dict(agent.last("GET").query) == {"labelSelector": "app=web", "fieldSelector": "metadata.name=web"}


def test_a_watch_begins_with_the_table_and_goes_on(edgelet: Edgelet, agent: FakeAgent) -> None:
    changed = pod("web")
    changed["status"]["phase"] = "Succeeded"
    agent.changes.put({"type": "MODIFIED", "object": changed})
    agent.changes.put({"type": "BOOKMARK", "object": {"metadata": {"resourceVersion": "200"}}})
    agent.changes.put({"type": "DELETED", "object": changed})
    agent.changes.put(None)
    ran = edgelet("get", "pods", "-w")
    assert [line.split()[0] for line in ran.out.splitlines()] == ["NAME", "db", "web", "web", "web"]
    assert "Succeeded" in ran.out.splitlines()[3]
    query = dict(agent.last("GET").query)
    assert query == {"watch": "true", "resourceVersion": "103"}


def test_a_watch_that_fails_says_why(edgelet: Edgelet, agent: FakeAgent) -> None:
    status = {"kind": "Status", "reason": "Expired", "message": "too old resource version", "code": 410}
    agent.changes.put({"type": "ERROR", "object": status})
    agent.changes.put(None)
    ran = edgelet("get", "pods", "web", "-w", "-o", "name")
    assert ran.out == "pod/web\n"
    assert (ran.code, ran.err) == (1, "Error from server (Expired): too old resource version\n")


def test_an_unreachable_agent_is_told_with_what_helps(edgelet: Edgelet) -> None:
    ran = edgelet("get", "pods", "--socket", "/tmp/there/is/none")
    assert ran.code == 1
    assert ran.err.startswith("error: cannot reach the agent at /tmp/there/is/none: No such file or directory. ")
    assert "Is edgelet running?" in ran.err


def test_a_socket_path_that_is_too_long_is_told(edgelet: Edgelet) -> None:
    ran = edgelet("get", "pods", "--socket", "/tmp/" + "x" * 200)
    assert ran.code == 1
    assert "AF_UNIX path too long" in ran.err


def test_warnings_of_the_agent_are_told_once(edgelet: Edgelet, agent: FakeAgent) -> None:
    agent.warnings = ['unknown field "spec.x"']
    ran = edgelet("get", "pods", "web", "db", "-oname")
    assert ran.err == 'Warning: unknown field "spec.x"\n'


def test_version_names_both_ends(edgelet: Edgelet, agent: FakeAgent) -> None:
    agent.answers["/version"] = {"gitVersion": "v1.35.0+edgelet-0.1.0"}
    assert edgelet("version").out == "Client Version: v0.1.0\nServer Version: v1.35.0+edgelet-0.1.0\n"
    assert json.loads(edgelet("version", "-ojson").out)["serverVersion"]["gitVersion"] == "v1.35.0+edgelet-0.1.0"
    before = len(agent.asked)
    assert edgelet("version", "--client", "-o", "yaml").out == "clientVersion:\n  gitVersion: v0.1.0\n"
    assert len(agent.asked) == before


def test_version_without_an_agent_still_names_this_end(edgelet: Edgelet) -> None:
    ran = edgelet("version", "--socket", "/tmp/none")
    assert (ran.code, ran.out) == (1, "Client Version: v0.1.0\n")
    assert "cannot reach the agent" in ran.err


def test_a_silent_agent_is_not_waited_for_without_end(edgelet: Edgelet) -> None:
    with tempfile.TemporaryDirectory(prefix="el-", dir="/tmp") as folder, socket.socket(socket.AF_UNIX) as silent:
        silent.bind(f"{folder}/s")
        silent.listen()
        ran = edgelet("get", "pods", "--request-timeout=50ms", "--socket", f"{folder}/s")
    assert (ran.code, ran.err) == (1, f"error: the agent at {folder}/s did not answer within 0.05 s\n")


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (b"", "it closed the connection without an answer"),
        (b"SSH-2.0-OpenSSH\r\n\r\n", "illegal status line"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{}", "peer closed connection"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n[]", "no JSON object"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nxx", "no JSON"),
        (b"HTTP/1.1 502 Bad\r\nContent-Length: 5\r\n\r\nsorry", "Error from server: sorry"),
    ],
)
def test_what_is_no_agent_is_told(edgelet: Edgelet, answer: bytes, words: str) -> None:
    with tempfile.TemporaryDirectory(prefix="el-", dir="/tmp") as folder, socket.socket(socket.AF_UNIX) as server:
        server.bind(f"{folder}/s")
        server.listen()

        def speak() -> None:
            connection, _ = server.accept()
            with connection:
                connection.recv(65536)
                connection.sendall(answer)

        thread = threading.Thread(target=speak)
        thread.start()
        ran = edgelet("get", "pods", "--socket", f"{folder}/s")
        thread.join()
    assert ran.code == 1
    assert words in ran.err
    assert len(ran.err.splitlines()) == 1
