from __future__ import annotations

import json
from typing import Any

import pytest

from tests.flow.cli.conftest import Edgelet
from tests.flow.cli.fake_agent import FakeAgent

POD: dict[str, Any] = {
    "apiVersion": "v1",
    "kind": "Pod",
    "metadata": {"name": "web", "namespace": "default", "labels": {"app": "web"}},
    "spec": {"containers": [{"name": "a"}, {"name": "b"}], "initContainers": [{"name": "i"}]},
    "status": {"phase": "Running"},
}


@pytest.fixture
def agent(agent: FakeAgent) -> FakeAgent:
    agent.add("pods", json.loads(json.dumps(POD)))
    agent.logs = {"a": b"one\ntwo\n", "b": b"three\nfour", "i": b"zero\n"}
    return agent


def test_logs_of_the_first_container_say_which_one_that_is(edgelet: Edgelet) -> None:
    ran = edgelet("logs", "web")
    assert (ran.code, ran.out) == (0, "one\ntwo\n")
    assert ran.err == 'Defaulted container "a" out of: a, b, i (init)\n'


@pytest.mark.parametrize("argv", [["web", "-c", "b"], ["web", "b"], ["pod/web", "--container=b"], ["-cb", "web"]])
def test_logs_of_a_container_are_the_bytes_it_wrote(edgelet: Edgelet, argv: list[str]) -> None:
    ran = edgelet("logs", *argv)
    assert (ran.code, ran.out, ran.err) == (0, "three\nfour", "")


def test_the_options_of_logs_reach_the_agent(edgelet: Edgelet, agent: FakeAgent) -> None:
    edgelet("logs", "web", "-c", "a", "-fp", "--tail=3", "--since=1m30s", "--timestamps", "--limit-bytes=9")
    assert dict(agent.last("GET").query) == {
        "container": "a", "follow": "true", "previous": "true", "tailLines": "3", "sinceSeconds": "90",
        "timestamps": "true", "limitBytes": "9",
    }  # fmt: skip


def test_logs_of_all_containers_may_carry_prefixes(edgelet: Edgelet) -> None:
    assert edgelet("logs", "web", "--all-containers").out == "one\ntwo\nthree\nfourzero\n"
    ran = edgelet("logs", "web", "--all-containers", "--prefix")
    assert ran.out == "[pod/web/a] one\n[pod/web/a] two\n[pod/web/b] three\n[pod/web/b] four[pod/web/i] zero\n"


def test_logs_are_followed_side_by_side(edgelet: Edgelet) -> None:
    ran = edgelet("logs", "web", "--all-containers", "-f", "--prefix")
    assert ran.code == 0
    assert {line for line in ran.out.splitlines() if not line.startswith("[pod/web/i]")} == {
        "[pod/web/a] one", "[pod/web/a] two", "[pod/web/b] three", "[pod/web/b] four",
    }, "a last line without an end takes no other one in"  # fmt: skip
    ran = edgelet("logs", "web", "--all-containers", "-f", "--max-log-requests=2")
    assert "maximum allowed concurrency is 2" in ran.err


def test_logs_of_a_selector_are_the_last_ten_lines(edgelet: Edgelet, agent: FakeAgent) -> None:
    ran = edgelet("logs", "-l", "app=web")
    assert (ran.code, ran.out) == (0, "one\ntwo\n")
    assert agent.last("GET").get("tailLines") == "10"
    assert edgelet("logs", "-l", "app=none").err == "No resources found in default namespace.\n"


@pytest.mark.parametrize(
    ("argv", "err"),
    [
        (["nope"], 'Error from server (NotFound): pods "nope" not found\n'),
        (["web", "-c", "x"], "error: container x not found in pod web\n"),
        ([], "error: expected 'logs [-f] [-p] (POD | TYPE/NAME) [-c CONTAINER]'.\n"),
        (["web", "--since=x"], 'error: invalid argument "x" for "--since" flag: time: invalid duration "x"\n'),
        (["web", "--since=5s", "--since-time=2026-01-01T00:00:00Z"], "error: at most one of"),
        (["web", "--tail=-5"], "error: --tail must be greater than or equal to -1"),
        (["node/x"], "error: cannot get the containers of node/x"),
    ],
)
def test_wrong_logs_are_told(edgelet: Edgelet, argv: list[str], err: str) -> None:
    ran = edgelet("logs", *argv)
    assert (ran.code, ran.out) == (1, "")
    assert ran.err.startswith(err)


def test_exec_prints_what_the_command_wrote_and_ends_with_its_code(edgelet: Edgelet, agent: FakeAgent) -> None:
    agent.exec_output = ((1, b"out\n"), (2, b"err\n"), (1, b""), (1, b"more\n"))
    ran = edgelet("exec", "web", "-n", "default", "-c", "a", "--", "ls", "-l", "--", "a b&c")
    assert (ran.code, ran.out, ran.err) == (0, "out\nmore\n", "err\n")
    asked = agent.last("GET")
    assert asked.path == "/api/v1/namespaces/default/pods/web/exec"
    assert [value for key, value in asked.query if key == "command"] == ["ls", "-l", "--", "a b&c"]
    assert {key: value for key, value in asked.query if key != "command"} == {
        "container": "a", "stdin": "false", "stdout": "true", "stderr": "true", "tty": "false",
    }  # fmt: skip


def test_exec_passes_the_exit_code_through(edgelet: Edgelet, agent: FakeAgent) -> None:
    agent.exec_status = {
        "status": "Failure", "reason": "NonZeroExitCode", "message": "command terminated with non-zero exit code",
        "details": {"causes": [{"reason": "ExitCode", "message": "42"}]},
    }  # fmt: skip
    ran = edgelet("exec", "web", "-c", "a", "--", "false")
    assert (ran.code, ran.err) == (42, "command terminated with exit code 42\n")
    assert edgelet("exec", "web", "-q", "-c", "a", "--", "false").err == ""


def test_exec_that_fails_says_why(edgelet: Edgelet, agent: FakeAgent) -> None:
    agent.exec_status = {"status": "Failure", "reason": "InternalError", "message": "no such file: lss"}
    ran = edgelet("exec", "web", "-c", "a", "--", "lss")
    assert (ran.code, ran.err) == (1, "error: no such file: lss\n")


def test_a_refused_exec_is_an_error_of_the_server(edgelet: Edgelet, agent: FakeAgent) -> None:
    agent.refusals["GET", "/api/v1/namespaces/default/pods/web/exec"] = {
        "reason": "BadRequest", "message": "container a is not running", "code": 400,
    }  # fmt: skip
    ran = edgelet("exec", "web", "-c", "a", "--", "ls")
    assert (ran.code, ran.err) == (1, "Error from server (BadRequest): container a is not running\n")


@pytest.mark.parametrize(
    ("argv", "err"),
    [
        (["web"], "error: you must specify at least one command for the container"),
        (["web", "ls"], "error: exec [POD] [COMMAND] is not supported anymore. Use exec [POD] -- [COMMAND] instead"),
        (["--", "ls"], "error: pod, type/name or --filename must be specified"),
        (["nope", "--", "ls"], 'Error from server (NotFound): pods "nope" not found'),
        (["web", "-c", "x", "--", "ls"], "error: container x not found in pod web"),
    ],
)
def test_a_wrong_exec_is_told(edgelet: Edgelet, argv: list[str], err: str) -> None:
    ran = edgelet("exec", *argv)
    assert (ran.code, ran.out) == (1, "")
    assert ran.err.startswith(err)


def test_nothing_is_run_in_a_completed_pod(edgelet: Edgelet, agent: FakeAgent) -> None:
    agent.objects["pods", "default", "web"]["status"]["phase"] = "Succeeded"
    ran = edgelet("exec", "web", "--", "ls")
    assert ran.err == "error: cannot exec into a container in a completed pod; current phase is Succeeded\n"


def metrics(name: str, namespace: str, **containers: tuple[str, str]) -> dict[str, Any]:
    return {
        "metadata": {"name": name, "namespace": namespace},
        "containers": [
            {"name": one, "usage": {"cpu": cpu, "memory": memory}} for one, (cpu, memory) in containers.items()
        ],
    }


@pytest.fixture
def measured(agent: FakeAgent) -> FakeAgent:
    items = [
        metrics("web", "default", a=("1500000n", "10Mi"), b=("2m", "512Ki")),
        metrics("big", "default", c=("1", "1Gi")),
    ]
    agent.answers["/apis/metrics.k8s.io/v1beta1/namespaces/default/pods"] = {"items": items}
    agent.answers["/apis/metrics.k8s.io/v1beta1/pods"] = {"items": items}
    node = {"metadata": {"name": "pi"}, "usage": {"cpu": "500m", "memory": "512Mi"}}
    agent.answers["/apis/metrics.k8s.io/v1beta1/nodes"] = {"items": [node]}
    agent.add("nodes", {"metadata": {"name": "pi"}, "status": {"allocatable": {"cpu": "4", "memory": "1Gi"}}})
    return agent


@pytest.mark.usefixtures("measured")
@pytest.mark.parametrize(
    ("argv", "text"),
    [
        (["pods"], "NAME   CPU(cores)   MEMORY(bytes)\nbig    1000m        1024Mi\nweb    4m           10Mi\n"),
        (["pod", "--no-headers", "--sort-by=cpu"], "big   1000m   1024Mi\nweb   4m      10Mi\n"),
        (["pods", "-A", "--no-headers"], "default   big   1000m   1024Mi\ndefault   web   4m      10Mi\n"),
        (
            ["pods", "--containers", "--no-headers"],
            "big   c     1000m   1024Mi\nweb   a     2m      10Mi\nweb   b     2m      0Mi\n",
        ),
        (
            ["nodes"],
            (
                "NAME   CPU(cores)   CPU(%)   MEMORY(bytes)   MEMORY(%)\n"
                "pi     500m         12%      512Mi           50%\n"
            ),
        ),
    ],
)
def test_top_is_the_table_of_kubectl(edgelet: Edgelet, argv: list[str], text: str) -> None:
    ran = edgelet("top", *argv)
    assert (ran.code, ran.out, ran.err) == (0, text, "")


def test_top_without_anything_to_show_says_so(edgelet: Edgelet, agent: FakeAgent) -> None:
    agent.answers["/apis/metrics.k8s.io/v1beta1/namespaces/x/pods"] = {"items": []}
    assert edgelet("top", "pods", "-n", "x").err == "No resources found in x namespace.\n"
    assert edgelet("top").code == 1
    assert edgelet("top", "cm").code == 1


def test_describe_ends_with_the_events_of_the_object(edgelet: Edgelet, agent: FakeAgent) -> None:
    event = {
        "metadata": {"name": "web.1"}, "type": "Normal", "reason": "Pulled", "message": "Image is here",
        "source": {"component": "kubelet"}, "firstTimestamp": "2020-01-01T00:00:00Z",
    }  # fmt: skip
    agent.add("events", event)
    ran = edgelet("describe", "pod", "web")
    assert ran.code == 0
    *_, header, rule, row = ran.out.splitlines()
    assert header.split() == ["Type", "Reason", "Age", "From", "Message"]
    assert rule.startswith("  ----    ------  ")
    assert row.startswith("  Normal  Pulled  ")
    assert agent.last("GET").get("fieldSelector") == (
        "involvedObject.name=web,involvedObject.kind=Pod,involvedObject.uid=uid-web"
    )


def test_describe_finds_by_prefix_and_tells_what_is_missing(edgelet: Edgelet) -> None:
    assert edgelet("describe", "pod", "we").out.startswith("Name:")
    ran = edgelet("describe", "pod", "nope")
    assert (ran.code, ran.out, ran.err) == (1, "", 'Error from server (NotFound): pods "nope" not found\n')
    assert edgelet("describe", "cm").err == "No resources found in default namespace.\n"


@pytest.mark.parametrize("kind", ["node", "cm", "secret", "ns"])
def test_every_kind_is_described(edgelet: Edgelet, agent: FakeAgent, kind: str) -> None:
    plural = {"node": "nodes", "cm": "configmaps", "secret": "secrets", "ns": "namespaces"}[kind]
    agent.add(plural, {"metadata": {"name": "x"}, "data": {"key": "c2VjcmV0"}})
    ran = edgelet("describe", kind, "x")
    assert (ran.code, ran.err) == (0, "")
    assert ran.out.startswith("Name:")
    assert "secret" not in ran.out
    assert ("key:  6 bytes" in ran.out) == (kind == "secret")
