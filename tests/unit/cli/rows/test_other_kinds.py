from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from edgelet.cli import resources
from edgelet.cli.table import Style, Table

NOW = datetime(2026, 1, 1, 1, 0, 0, tzinfo=UTC)
META = {"name": "x", "creationTimestamp": "2026-01-01T00:00:00Z"}

NODE: dict[str, Any] = {
    "metadata": {**META, "name": "pi", "labels": {"node-role.kubernetes.io/edge": "", "kubernetes.io/role": "lamp"}},
    "spec": {},
    "status": {
        "conditions": [{"type": "Ready", "status": "True"}],
        "addresses": [{"type": "InternalIP", "address": "10.0.0.1"}],
        "nodeInfo": {
            "kubeletVersion": "v1", "osImage": "Debian 12", "kernelVersion": "6.1",
            "containerRuntimeVersion": "podman://4.3.1",
        },
    },
}  # fmt: skip
EVENT: dict[str, Any] = {
    "metadata": {"name": "web.1", "namespace": "default"},
    "type": "Warning",
    "reason": "BackOff",
    "message": "Back-off restarting\n",
    "involvedObject": {"kind": "Pod", "name": "web", "fieldPath": "spec.containers{a}"},
    "source": {"component": "kubelet", "host": "pi"},
    "firstTimestamp": "2026-01-01T00:50:00Z",
    "lastTimestamp": "2026-01-01T00:59:00Z",
    "count": 7,
}


@pytest.mark.parametrize(
    ("kind", "document", "header", "row"),
    [
        ("Node", NODE, "NAME   STATUS   ROLES       AGE   VERSION", "pi     Ready    edge,lamp   60m   v1"),
        ("ConfigMap", {"metadata": META, "data": {"a": ""}, "binaryData": {"b": ""}}, "NAME   DATA   AGE",
         "x      2      60m"),
        ("Secret", {"metadata": META, "type": "Opaque", "data": {}}, "NAME   TYPE     DATA   AGE",
         "x      Opaque   0      60m"),
        ("Namespace", {"metadata": META, "status": {"phase": "Terminating"}}, "NAME   STATUS        AGE",
         "x      Terminating   60m"),
        ("Deployment", {"metadata": META}, "NAME   AGE", "x      60m"),
        ("Event", EVENT, "LAST SEEN   TYPE      REASON    OBJECT    MESSAGE",
         "60s         Warning   BackOff   pod/web   Back-off restarting"),
    ],
)  # fmt: skip
def test_a_kind_has_the_columns_of_kubectl(kind: str, document: dict[str, Any], header: str, row: str) -> None:
    text = Table(resources.BY_KIND[kind], Style()).text([document], now=NOW)
    assert text == f"{header}\n{row}\n"


def test_wide_events_tell_all() -> None:
    text = Table(resources.EVENTS, Style(wide=True)).text([EVENT], now=NOW)
    header, row = text.splitlines()
    assert header.startswith("LAST SEEN   TYPE      REASON    OBJECT    SUBOBJECT")
    for cell in ("spec.containers{a}", "kubelet, pi", "10m", "7", "web.1"):
        assert cell in row


def test_an_event_of_the_new_form_has_its_times_from_its_series() -> None:
    event = {
        "eventTime": "2026-01-01T00:00:00.000000Z",
        "series": {"count": 3, "lastObservedTime": "2026-01-01T00:59:50.000000Z"},
        "involvedObject": {"kind": "Node"},
    }
    row = Table(resources.EVENTS, Style(wide=True, headers=False)).text([event], now=NOW)
    assert row.split()[0] == "10s"
    assert "60m" in row
    assert "node " in row


@pytest.mark.parametrize(
    ("conditions", "unschedulable", "status"),
    [
        ([], False, "Unknown"),
        ([{"type": "Ready", "status": "False"}], False, "NotReady"),
        ([{"type": "Ready", "status": "Unknown"}], False, "NotReady"),
        ([{"type": "Ready", "status": "True"}], True, "Ready,SchedulingDisabled"),
    ],
)
def test_a_node_is_ready_by_its_condition(conditions: list[Any], *, unschedulable: bool, status: str) -> None:
    node = {"metadata": META, "spec": {"unschedulable": unschedulable}, "status": {"conditions": conditions}}
    assert Table(resources.NODES, Style(headers=False)).text([node], now=NOW).split()[1:3] == [status, "<none>"]


def test_headers_come_once_and_columns_keep_their_width() -> None:
    table = Table(resources.NAMESPACES, Style())
    first = table.text([{"metadata": {**META, "name": "a-long-name"}}], now=NOW)
    second = table.text([{"metadata": META}], now=NOW)
    assert first.startswith("NAME")
    assert second == "x             Active   60m\n"
