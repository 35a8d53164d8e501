from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from edgelet.adapters.sandboxes import sysctls
from edgelet.api.errors import EngineError
from edgelet.ports.runtime import PodRef, SandboxSpec


def spec(settings: Mapping[str, str], **changes: Any) -> SandboxSpec:
    return SandboxSpec(pod=PodRef("u1", "default", "web"), hostname="web", sysctls=settings, **changes)


@pytest.mark.parametrize(
    "name",
    [
        "net.core.somaxconn",
        "net.ipv4.conf.eth0/1.rp_filter",
        "kernel.shmmax",
        "kernel.msgmax",
        "kernel.sem",
        "fs.mqueue.msg_max",
    ],
)
def test_settings_of_the_pods_own_namespaces_are_taken(name: str) -> None:
    sysctls.check(spec({name: "1"}))


@pytest.mark.parametrize(
    "name", ["vm.swappiness", "kernel.panic", "fs.file-max", "kernel.hostname", "", "user.max_net_namespaces"]
)
def test_settings_of_the_node_are_refused(name: str) -> None:
    with pytest.raises(EngineError, match=f"cannot set {name} for the pod: it belongs to the whole node") as refused:
        sysctls.check(spec({"net.core.somaxconn": "1", name: "1"}))
    assert refused.value.reason == "FailedCreatePodSandBox"


@pytest.mark.parametrize("name", ["net.../../vm.swappiness", "/net.x", ".net"])
def test_a_name_that_leads_elsewhere_is_refused(name: str) -> None:
    with pytest.raises(EngineError, match="no name of a setting"):
        sysctls.check(spec({name: "1"}))


def test_what_the_pod_shares_with_the_node_is_not_its_own() -> None:
    with pytest.raises(EngineError, match="on the node's network"):
        sysctls.check(spec({"net.core.somaxconn": "1"}, host_network=True))
    with pytest.raises(EngineError, match="shares the node's IPC"):
        sysctls.check(spec({"kernel.sem": "1"}, host_ipc=True))
