"""Limits of huge pages reach the OCI runtime: where the kernel can keep them they are kept, else the start fails."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from edgelet.adapters.host import identity
from edgelet.adapters.podman import cgroups, translate
from edgelet.adapters.podman.labels import HostNamespaces
from edgelet.adapters.podman.translate import Abilities
from edgelet.ports.runtime import Resources
from tests.contract.runtime.world import PodmanWorld, new_pod, sandbox_of, sh

pytestmark = pytest.mark.podman
PAGE_BYTES = 2 << 20


@pytest.mark.skipif(PAGE_BYTES not in identity.huge_pages(Path("/")), reason="this kernel has no huge pages of 2 MiB")
async def test_the_oci_runtime_is_told_the_limits(podman_world: PodmanWorld) -> None:
    pod = new_pod()
    spec = replace(
        sh(pod, "true"),
        log_path=str(podman_world.logs / "pages"),
        resources=Resources(huge_pages={PAGE_BYTES: 4 << 20}),
    )
    abilities = Abilities(huge_page_sizes=(PAGE_BYTES,), oom_score_adj_min=0)
    body = translate.container_body(
        spec, owner="pages", sandbox="", namespaces=HostNamespaces(), abilities=abilities
    ) | {"netns": {"nsmode": "none"}, "pod": ""}
    made = (await podman_world.libpod.call("POST", "/containers/create", body=body)).json()
    try:
        reply = await podman_world.libpod.call(
            "POST", f"/containers/{made['Id']}/start", ok=frozenset({200, 204, 404, 409, 500})
        )
        config = podman_world.podman.storage_root / "overlay-containers" / made["Id"] / "userdata" / "config.json"
        told = json.loads(config.read_text())["linux"]["resources"]["hugepageLimits"]
        assert {one["pageSize"]: one["limit"] for one in told}["2MB"] == 4 << 20
        if cgroups.huge_page_controller():
            assert reply.status in {200, 204}
        else:
            assert "hugetlb" in str(reply.json())
    finally:
        podman_world.podman.run("rm", "-f", "-t", "0", made["Id"])


async def test_without_the_controller_containers_start_without_limits(podman_world: PodmanWorld) -> None:
    pod = new_pod()
    await podman_world.runtime.create_sandbox(sandbox_of(pod))
    assert await podman_world.output(pod, "echo started") == ["started"]
