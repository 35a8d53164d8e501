from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgelet.api.quantity import Quantity
from edgelet.pods import resources
from tests.unit.pods.pod_documents import pod


def requesting(cpu: str | None = None, memory: str | None = None, **more: Any) -> dict[str, Any]:
    amounts = {name: amount for name, amount in {"cpu": cpu, "memory": memory}.items() if amount}
    return {"image": "i", "resources": {"requests": amounts, "limits": amounts}} | more


def requests(*containers: dict[str, Any], **spec: Any) -> dict[str, str]:
    named = [one | {"name": f"c{number}"} for number, one in enumerate(containers)]
    return {name: str(amount) for name, amount in resources.pod_requests(pod(*named, **spec)).items()}


@pytest.mark.parametrize(
    ("milli", "shares"), [(0, 2), (1, 2), (2, 2), (3, 3), (100, 102), (1000, 1024), (500, 512), (10**9, 262144)]
)
def test_shares_follow_the_kubelets_formula(milli: int, shares: int) -> None:
    assert resources.cpu_shares(milli) == shares


@pytest.mark.parametrize(
    ("milli", "quota"), [(0, 0), (1, 1000), (10, 1000), (11, 1100), (1000, 100000), (2500, 250000), (10**33, 2**44 - 1)]
)
def test_quota_follows_the_kubelets_formula(milli: int, quota: int) -> None:
    assert resources.cpu_quota_us(milli) == quota


@given(st.integers(min_value=0, max_value=10**7))
def test_shares_stay_in_the_kernels_bounds_and_never_fall(milli: int) -> None:
    assert 2 <= resources.cpu_shares(milli) <= resources.cpu_shares(milli + 1) <= 262144


def test_apps_add_up() -> None:
    assert requests(requesting("100m", "1Gi"), requesting("200m")) == {"cpu": "300m", "memory": "1Gi"}


def test_a_large_init_container_counts_alone_and_with_the_sidecars_before_it() -> None:
    init = [
        requesting("1", name="first"),
        requesting("100m", name="side", restartPolicy="Always"),
        requesting("950m", name="second"),
        requesting("50m", name="late", restartPolicy="Always"),
    ]
    assert requests(requesting("200m"), initContainers=init) == {"cpu": "1050m"}
    assert requests(requesting("2"), initContainers=init) == {"cpu": "2150m"}


def test_pod_level_requests_stand_for_the_sum_and_overhead_is_added() -> None:
    found = requests(
        requesting("100m", "1Gi"), resources={"requests": {"cpu": "2"}}, overhead={"cpu": "50m", "memory": "1Mi"}
    )
    assert found == {"cpu": "2050m", "memory": "1025Mi"}


def test_a_pod_that_asks_for_nothing_asks_for_nothing() -> None:
    assert requests({}) == {}


@pytest.mark.parametrize(
    ("containers", "spec", "expected"),
    [
        ([requesting(memory="1Mi"), requesting(memory="2Mi")], {}, 3 << 20),
        ([requesting(memory="1Mi"), requesting("1")], {}, None),
        ([requesting(memory="1Mi")], {"initContainers": [requesting(memory="8Mi", name="i")]}, 8 << 20),
        ([requesting(memory="1Mi")], {"initContainers": [{"name": "i", "image": "i"}]}, None),
        ([{}], {"resources": {"limits": {"memory": "5Mi"}}}, 5 << 20),
    ],
)
def test_a_pod_has_a_memory_limit_only_if_all_its_containers_have(
    containers: list[dict[str, Any]], spec: dict[str, Any], expected: int | None
) -> None:
    named = [one | {"name": f"c{number}"} for number, one in enumerate(containers)]
    assert resources.pod_memory_limit_bytes(pod(*named, **spec)) == expected


@pytest.mark.parametrize(("text", "amount"), [("0", 0), ("64Mi", 64 << 20), ("9e29", 2**63 - 1)])
def test_a_limit_of_memory_fits_the_engine(text: str, amount: int) -> None:
    assert resources.limit_bytes(Quantity.parse(text)) == amount
