"""Huge pages on a real board: told by the node, and refused with the reason where they cannot be given."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from edgelet.adapters.host import identity
from edgelet.adapters.podman import cgroups
from edgelet.api import huge_pages
from tests.fixtures.agent import until
from tests.fixtures.site import Site
from tests.fixtures.workload import container, pod

pytestmark = [pytest.mark.podman, pytest.mark.mosquitto]


@pytest.fixture(scope="module")
def site() -> Iterator[Site]:
    with Site() as site:
        yield site


def test_the_node_tells_its_huge_pages_and_more_than_it_has_is_refused(site: Site) -> None:
    status = json.loads(site.agent.cli("get", "node", "-o", "json").stdout)["items"][0]["status"]
    names = [huge_pages.resource(size) for size in identity.huge_pages(Path("/"))]
    assert [name for name in names if name in status["capacity"]] == names
    assert {name: status["allocatable"][name] for name in names} == {name: status["capacity"][name] for name in names}

    asked = {"limits": {"cpu": "100m", "hugepages-2Mi": "1Ti"}}
    mounts = [{"name": "pages", "mountPath": "/pages"}]
    volumes = [{"name": "pages", "emptyDir": {"medium": "HugePages"}}]
    document = pod("huge", container(resources=asked, volumeMounts=mounts), volumes=volumes)
    done = site.agent.cli("apply", "-f", "-", stdin=json.dumps(document), check=False)
    if not cgroups.huge_page_controller():
        words = "spec.containers[0].resources.limits[hugepages-2Mi]: Forbidden: the containers of this node run without"
        assert (done.returncode != 0, words in done.stderr) == (True, True), done.stderr
        return
    assert done.returncode == 0, done.stderr
    assert site.settled("huge", lambda status: status.get("phase") == "Failed")["reason"] == "OutOfhugepages-2Mi"


def test_the_medium_without_the_resource_is_a_failed_mount(site: Site) -> None:
    volumes = [{"name": "pages", "emptyDir": {"medium": "HugePages"}}]
    site.agent.apply(pod("medium", container(volumeMounts=[{"name": "pages", "mountPath": "/pages"}]), volumes=volumes))
    words = "medium HugePages: hugePages storage requested, but there is no resource request for huge pages"
    assert until(lambda: words in site.agent.cli("describe", "pod", "medium").stdout)
    site.agent.cli("delete", "pod", "medium")
    site.gone("medium")
