from __future__ import annotations

import re

from hypothesis import given
from hypothesis import strategies as st

from edgelet.adapters.podman import labels
from edgelet.ports.runtime import ContainerSpec, PodRef, SandboxSpec

PODMAN_NAME = re.compile(r"[a-zA-Z0-9][a-zA-Z0-9_.-]*")
refs = st.builds(
    PodRef, uid=st.text(min_size=1, max_size=80), namespace=st.text(max_size=80), name=st.text(max_size=300)
)


def test_a_plain_pod_has_names_that_people_can_read() -> None:
    pod = PodRef(uid="u-1", namespace="default", name="web")
    assert labels.pod_name(pod, 2) == "web_default_u-1_2"
    assert labels.infra_name(pod, 2) == "web_default_u-1_2_infra"
    assert labels.container_name(pod, "app", 3) == "web_default_u-1_app_3"


@given(pod=refs, container=st.text(max_size=100), number=st.integers(0, 10**6))
def test_every_name_is_one_that_podman_takes(pod: PodRef, container: str, number: int) -> None:
    for name in (labels.pod_name(pod, number), labels.container_name(pod, container, number)):
        assert PODMAN_NAME.fullmatch(name)
        assert len(name) <= 300


@given(one=refs, two=refs, number=st.integers(0, 9))
def test_different_pods_have_different_names(one: PodRef, two: PodRef, number: int) -> None:
    assert (labels.pod_name(one, number) == labels.pod_name(two, number)) == (one == two)


@given(
    network=st.booleans(),
    ipc=st.booleans(),
    pid=st.booleans(),
    servers=st.lists(st.text(max_size=9), max_size=3).map(tuple),
)
def test_what_containers_must_be_told_survives_in_the_labels(
    network: bool, ipc: bool, pid: bool, servers: tuple[str, ...]
) -> None:
    pod = PodRef(uid="u", namespace="n", name="p")
    spec = SandboxSpec(
        pod=pod, hostname="h", host_network=network, host_ipc=ipc, host_pid=pid, dns_servers=servers, attempt=7
    )
    written = labels.of_sandbox(spec, "me")
    read = labels.namespaces(written)
    assert (read.network, read.ipc, read.pid) == (network, ipc, pid)
    assert read.dns_servers == (servers if network else ())
    assert labels.pod_of(written) == pod
    assert labels.number(written, labels.SANDBOX_ATTEMPT) == 7


def test_labels_that_somebody_broke_are_no_error() -> None:
    assert labels.pod_of({labels.POD_UID: "u"}) is None
    assert labels.number({labels.CONTAINER_INSTANCE: "x"}, labels.CONTAINER_INSTANCE) == 0
    for broken in ("", "[", "[]", "3", '{"dnsServers": 3}'):
        assert labels.namespaces({labels.SANDBOX_NAMESPACES: broken}) == labels.HostNamespaces()


def test_our_labels_win_and_are_not_given_back() -> None:
    pod = PodRef(uid="u", namespace="n", name="p")
    own = {"app": "web", "edgelet.owner": "other"}
    spec = ContainerSpec(pod=pod, name="c", instance=1, image="i", spec_hash="h", labels=own)
    written = labels.of_container(spec, "me")
    assert written[labels.OWNER] == "me"
    assert labels.further(written) == {"app": "web"}
