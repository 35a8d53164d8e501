from __future__ import annotations

from typing import Any

import pytest

from edgelet.api.container import Container
from edgelet.api.errors import EdgeletError
from edgelet.api.probe import ExecAction, HTTPGetAction
from edgelet.pods import probe_request
from edgelet.ports.probe_net import HttpGet

CONTAINER = Container.model_validate(
    {
        "name": "c",
        "ports": [{"name": "web", "containerPort": 8080}, {"containerPort": 9}],
        "env": [
            {"name": "A", "value": "1"},
            {"name": "B", "value": "$(A)2"},
            {"name": "C", "valueFrom": {"fieldRef": {"fieldPath": "metadata.name"}}},
        ],
    }
)


def http(**action: Any) -> HttpGet:
    parsed = HTTPGetAction.model_validate({"port": 80, **action})
    return probe_request.http(parsed, CONTAINER, pod_ip="10.0.0.1", user_agent="kube-probe/1.35")


@pytest.mark.parametrize(("wanted", "number"), [(80, 80), ("web", 8080), ("90", 90)])
def test_ports_are_numbers_names_or_numbers_said_as_names(wanted: int | str, number: int) -> None:
    assert probe_request.port(wanted, CONTAINER) == number


@pytest.mark.parametrize(
    ("wanted", "words"),
    [
        ("none", 'strconv.Atoi: parsing "none": invalid syntax'),
        ("0", "invalid port number: 0"),
        ("70000", "invalid port number: 70000"),
    ],
)
def test_a_port_that_is_none_is_told_as_the_kubelet_does(wanted: str, words: str) -> None:
    with pytest.raises(EdgeletError) as caught:
        probe_request.port(wanted, CONTAINER)
    assert caught.value.message == words


def test_a_request_has_the_kubelets_defaults() -> None:
    assert http() == HttpGet(
        host="10.0.0.1",
        port=80,
        path="/",
        scheme="http",
        headers=(("User-Agent", "kube-probe/1.35"), ("Accept", "*/*")),
    )


def test_a_host_of_its_own_and_https_are_honoured() -> None:
    asked = http(host="192.0.2.1", scheme="HTTPS", port="web")
    assert (asked.host, asked.port, asked.scheme) == ("192.0.2.1", 8080, "https")


@pytest.mark.parametrize(
    ("headers", "sent"),
    [
        ([("User-Agent", "mine")], (("Accept", "*/*"), ("User-Agent", "mine"))),
        ([("user-agent", "")], (("Accept", "*/*"),)),
        ([("Accept", "")], (("User-Agent", "kube-probe/1.35"),)),
        ([("X", ""), ("X", "2")], (("User-Agent", "kube-probe/1.35"), ("Accept", "*/*"), ("X", ""), ("X", "2"))),
    ],
)
def test_headers_replace_defaults_and_empty_ones_remove_them(
    headers: list[tuple[str, str]], sent: tuple[tuple[str, str], ...]
) -> None:
    asked = http(httpHeaders=[{"name": name, "value": value} for name, value in headers])
    assert asked.headers == sent


def test_the_host_header_is_no_header_among_others() -> None:
    asked = http(httpHeaders=[{"name": "host", "value": "web.example"}])
    assert asked.host_header == "web.example"
    assert "host" not in {name.lower() for name, _ in asked.headers}


@pytest.mark.parametrize(
    ("path", "sent"),
    [
        ("/a?b=c&d=%20", "/a?b=c&d=%20"),
        ("health", "/health"),
        ("/with space", "/with%20space"),
        ("/ä", "/%C3%A4"),
        ("/x#part", "/x"),
        ("/line\nend", "/line%0Aend"),
        ("?q=1", "/?q=1"),
    ],
)
def test_paths_are_sent_as_a_target_may_be(path: str, sent: str) -> None:
    assert http(path=path).path == sent


def test_commands_know_static_variables_only() -> None:
    action = ExecAction(command=("echo", "$(A)", "$(B)", "$(C)", "$(D)", "$$(A)", "$A"))
    assert probe_request.command(action, CONTAINER) == ("echo", "1", "12", "$(C)", "$(D)", "$(A)", "$A")
