from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from edgelet.api.config_map import ConfigMap
from edgelet.api.pod import Pod
from edgelet.intake import conform, typed
from tests import builders


def test_what_nobody_knows_is_reported_with_its_path_and_left_out() -> None:
    document = builders.pod_document("web", builders.container_document(readonly=True, ports=[{"hostport": 1}]), foo=1)
    document["more"] = {}

    found = conform.conform(document, Pod)

    assert found.unknown == ["spec.containers[0].readonly", "spec.containers[0].ports[0].hostport", "spec.foo", "more"]
    assert found.document["spec"] == {"containers": [{"name": "c", "image": "localhost/testbox:1", "ports": [{}]}]}


def test_names_of_our_own_do_not_get_in() -> None:
    document = builders.pod_document(host_network=True, hostNetwork=None)

    found = conform.conform(document, Pod)

    assert found.unknown == ["spec.host_network"]
    assert Pod.model_validate(found.document).spec.host_network is None


def test_null_is_not_said_in_a_field_and_empty_in_lists_and_maps() -> None:
    document = builders.config_map_document(data={"a": None, "b": "x"}, immutable=None)
    pod = builders.pod_document(
        "web", builders.container_document(args=["a", None], env=[None]), nodeSelector={"k": None}
    )

    assert conform.conform(document, ConfigMap).document["data"] == {"a": "", "b": "x"}
    assert "immutable" not in conform.conform(document, ConfigMap).document
    spec = conform.conform(pod, Pod).document["spec"]
    assert spec["containers"][0]["args"] == ["a", ""]
    assert spec["containers"][0]["env"] == [{}]
    assert spec["nodeSelector"] == {"k": ""}


def test_an_empty_word_is_not_said_as_in_go() -> None:
    pod = builders.pod_document("web", builders.container_document(imagePullPolicy="", workingDir=""), restartPolicy="")

    spec = conform.conform(pod, Pod).document["spec"]

    assert "restartPolicy" not in spec
    assert "imagePullPolicy" not in spec["containers"][0]
    assert spec["containers"][0]["workingDir"] == ""


def test_numbers_beyond_64_bits_are_faults() -> None:
    pod = builders.pod_document(terminationGracePeriodSeconds=2**70)

    [fault] = conform.conform(pod, Pod).faults

    assert fault.path == "spec.terminationGracePeriodSeconds"


def test_the_insides_of_foreign_volumes_are_left_alone() -> None:
    volumes = [{"name": "v", "csi": {"driver": "d", "whatever": {"a": None}}}]

    found = conform.conform(builders.pod_document(volumes=volumes), Pod)

    assert found.unknown == []
    assert found.document["spec"]["volumes"] == volumes


_ANY = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)
_WORDS = st.sampled_from(
    ["metadata", "spec", "name", "labels", "containers", "volumes", "env", "ports", "containerPort", "resources",
     "limits",
     "valueFrom", "emptyDir", "sizeLimit", "securityContext", "livenessProbe", "httpGet", "port",
     "creationTimestamp"]
)  # fmt: skip
_LIKE_A_POD = st.recursive(
    _ANY, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_WORDS, inner, max_size=4), max_leaves=25
)


@given(st.dictionaries(_WORDS, _LIKE_A_POD, max_size=4))
def test_any_document_becomes_a_value_or_faults_with_paths(document: dict[str, Any]) -> None:
    shaped = conform.conform(document, Pod)

    value, faults = typed.parse(shaped.document, Pod)

    assert value is not None or faults
    assert all(fault.path and fault.message for fault in faults)
