from __future__ import annotations

from typing import Any

import pytest

from edgelet.api.errors import InvalidObjectError
from edgelet.intake.reception import Reception
from tests import builders
from tests.fakes.object_store import FakeObjectStore
from tests.unit.intake.reception.conftest import C, make_reception


async def test_a_limit_of_memory_that_the_kernel_cannot_keep_is_refused_with_what_helps(store: FakeObjectStore) -> None:
    board = make_reception(store, memory_limits=False)
    await board.create(builders.pod_document("a", C(resources={"limits": {"cpu": "1"}})), source="api")

    with pytest.raises(InvalidObjectError) as caught:
        await board.create(builders.pod_document("b", C(resources={"limits": {"memory": "64Mi"}})), source="api")

    (fault,) = caught.value.faults
    assert fault.path == "spec.containers[0].resources.limits[memory]"
    assert "append cgroup_enable=memory cgroup_memory=1 to its command line" in fault.message


@pytest.mark.parametrize(
    ("context", "allowed"),
    [
        ({"supplementalGroupsPolicy": "Merge"}, True),
        ({"supplementalGroupsPolicy": "Strict"}, False),
        ({"supplementalGroupsPolicy": "Strict", "runAsGroup": 0}, True),
    ],
)
async def test_strict_groups_need_a_group_of_their_own(
    reception: Reception, context: dict[str, Any], *, allowed: bool
) -> None:
    document = builders.pod_document(securityContext=context)
    if allowed:
        await reception.create(document, source="api")
        return
    with pytest.raises(InvalidObjectError, match="needs runAsGroup of the pod"):
        await reception.create(document, source="api")


async def test_users_of_a_pods_own_are_refused_where_the_board_has_none_with_the_reason(store: FakeObjectStore) -> None:
    board = make_reception(store, no_user_namespaces="this kernel has none")
    await board.create(builders.pod_document("a", hostUsers=True), source="api")

    with pytest.raises(InvalidObjectError) as caught:
        await board.create(builders.pod_document("b", hostUsers=False), source="api")

    assert [(one.path, one.message) for one in caught.value.faults] == [
        ("spec.hostUsers", "Forbidden: this kernel has none")
    ]


async def test_files_of_an_image_do_not_go_with_users_of_a_pods_own(reception: Reception) -> None:
    volumes = [{"name": "v", "image": {"reference": "data:1"}}]
    await reception.create(builders.pod_document("a", volumes=volumes), source="api")
    with pytest.raises(InvalidObjectError, match="files of an image would belong to nobody"):
        await reception.create(builders.pod_document("b", volumes=volumes, hostUsers=False), source="api")


async def test_huge_pages_are_refused_where_the_kernel_limits_nobodys(store: FakeObjectStore) -> None:
    board = make_reception(store, huge_page_limits=False)
    asked = {"limits": {"cpu": "1", "hugepages-2Mi": "2Mi"}}
    with pytest.raises(InvalidObjectError) as caught:
        await board.create(builders.pod_document("a", C(resources=asked)), source="api")

    (fault,) = caught.value.faults
    assert fault.path == "spec.containers[0].resources.limits[hugepages-2Mi]"
    assert "without the hugetlb control group" in fault.message
