from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgelet.remote import discovery, route
from edgelet.remote.route import Collection, Discovery, One


def parsed(path: str) -> str:
    match route.parse(tuple(path.strip("/").split("/"))):
        case Collection(kind=kind, namespace=namespace):
            return f"all {kind.kind} in {namespace}"
        case One(kind=kind, namespace=namespace, name=name, subresource=subresource):
            return f"{kind.kind} {namespace}/{name} {subresource}".strip()
        case Discovery():
            return "discovery"
        case None:
            return "nothing"


@pytest.mark.parametrize(
    ("path", "meaning"),
    [
        ("/api", "discovery"),
        ("/api/v1", "discovery"),
        ("/apis/metrics.k8s.io/v1beta1", "discovery"),
        ("/api/v1/pods", "all Pod in None"),
        ("/api/v1/namespaces/a/pods", "all Pod in a"),
        ("/api/v1/namespaces/a/pods/web", "Pod a/web"),
        ("/api/v1/namespaces/a/pods/web/log", "Pod a/web log"),
        ("/api/v1/namespaces/pods/pods/pods", "Pod pods/pods"),
        ("/api/v1/namespaces", "all Namespace in None"),
        ("/api/v1/namespaces/a", "Namespace /a"),
        ("/api/v1/namespaces/a/status", "Namespace /a status"),
        ("/api/v1/nodes/pi", "Node /pi"),
        ("/apis/metrics.k8s.io/v1beta1/nodes", "all NodeMetrics in None"),
        ("/apis/metrics.k8s.io/v1beta1/namespaces/a/pods/web", "PodMetrics a/web"),
        ("/api/v1/pods/web", "nothing"),
        ("/api/v1/namespaces/a/nodes", "nothing"),
        ("/api/v1/namespaces/a/pods/web/proxy", "nothing"),
        ("/api/v1/namespaces/a/pods/web/attach", "Pod a/web attach"),
        ("/api/v1/namespaces/a/pods/web/portforward", "Pod a/web portforward"),
        ("/api/v1/namespaces/a/pods/web/log/x", "nothing"),
        ("/api/v1/namespaces//pods", "nothing"),
        ("/api/v1/services", "nothing"),
        ("/apis/apps/v1/deployments", "nothing"),
        ("/api/v2/pods", "nothing"),
        ("/apis//v1/pods", "nothing"),
        ("/", "nothing"),
    ],
)
def test_a_path_means_one_thing(path: str, meaning: str) -> None:
    assert parsed(path) == meaning


WORDS = st.sampled_from(["api", "apis", "v1", "namespaces", "pods", "nodes", "log", "", "..", "metrics.k8s.io"])


@given(st.lists(WORDS | st.text(max_size=5), max_size=9))
def test_any_path_means_something_or_nothing(segments: list[str]) -> None:
    found = route.parse(tuple(segments))
    if isinstance(found, Discovery):
        discovery.document(found.segments)
