from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgelet.api.errors import EdgeletError
from edgelet.pods import environment
from tests.unit.pods.pod_documents import NODE, UID, ObjectTable, pod

OBJECTS = ObjectTable(
    {"cfg": {"A": "cfg-a", "B": "b", "data-1": "value-1"}},
    {"sec": {"A": b"sec-a", "bin": b"\xff\xfe", "S": b"s"}, "ok": {"S": b"s"}},
)


def build(container: dict[str, Any], *, objects: ObjectTable = OBJECTS, **more: Any) -> dict[str, str]:
    service_env = more.pop("service_env", ())
    pod_ips = more.pop("pod_ips", ("10.1.0.2", "fd00::2"))
    one = pod(container, **more)
    found = environment.build(
        one.spec.containers[0], one, objects=objects, pod_ips=pod_ips, node=NODE, service_env=service_env
    )
    assert len({name for name, _ in found}) == len(found)
    return dict(found)


def value(source: dict[str, Any], **more: Any) -> str | None:
    return build({"env": [{"name": "X", "valueFrom": source}]}, **more).get("X")


def fault(container: dict[str, Any], **more: Any) -> str:
    with pytest.raises(EdgeletError) as caught:
        build(container, **more)
    assert caught.value.reason == "CreateContainerConfigError"
    assert caught.value.retry_after is None
    return caught.value.message


def test_env_from_later_wins_and_env_wins_over_it() -> None:
    sources = [{"configMapRef": {"name": "cfg"}}, {"prefix": "p-", "secretRef": {"name": "ok"}}]
    found = build({"envFrom": [*sources, {"configMapRef": {"name": "cfg"}}], "env": [{"name": "B", "value": "env"}]})
    assert found == {"A": "cfg-a", "B": "env", "data-1": "value-1", "p-S": "s"}


def test_a_later_source_of_env_from_replaces_an_earlier_one() -> None:
    objects = ObjectTable({"one": {"K": "1"}, "two": {"K": "2"}})
    container = {"envFrom": [{"configMapRef": {"name": "one"}}, {"configMapRef": {"name": "two"}}]}
    assert build(container, objects=objects) == {"K": "2"}


def test_values_expand_to_what_stands_above_and_to_service_variables() -> None:
    env = [
        {"name": "EARLY", "value": "$(LATE)"},
        {"name": "LATE", "value": "late"},
        {"name": "ALL", "value": "$(EARLY) $(LATE) $(A) $(SVC) $$(A) $(NOPE)"},
    ]
    container = {"envFrom": [{"configMapRef": {"name": "cfg"}}], "env": env}
    found = build(container, service_env=(("SVC", "tcp://x"), ("LATE", "service")))
    assert found["ALL"] == "service late cfg-a tcp://x $(A) $(NOPE)"


def test_a_variable_that_is_defined_later_is_not_known_yet() -> None:
    assert build({"env": [{"name": "A", "value": "$(B)"}, {"name": "B", "value": "b"}]}) == {"A": "$(B)", "B": "b"}


def test_service_variables_fill_only_free_names_and_come_last() -> None:
    container = {"env": [{"name": "A", "value": "own"}]}
    assert list(build(container, service_env=(("A", "svc"), ("B", "svc"))).items()) == [("A", "own"), ("B", "svc")]


def test_values_of_sources_are_not_expanded_again() -> None:
    objects = ObjectTable({"cfg": {"K": "$(A)"}})
    source = {"configMapKeyRef": {"name": "cfg", "key": "K"}}
    container = {"env": [{"name": "A", "value": "a"}, {"name": "K", "valueFrom": source}]}
    assert build(container, objects=objects)["K"] == "$(A)"


def test_an_empty_value_is_set_and_empty() -> None:
    assert build({"env": [{"name": "A"}, {"name": "B", "value": ""}]}) == {"A": "", "B": ""}


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ({"configMapKeyRef": {"name": "no", "key": "k"}}, 'configmap "no" not found'),
        ({"secretKeyRef": {"name": "no", "key": "k"}}, 'secret "no" not found'),
        ({"configMapKeyRef": {"name": "cfg", "key": "k"}}, "couldn't find key k in ConfigMap ns/cfg"),
        ({"secretKeyRef": {"name": "sec", "key": "k"}}, "couldn't find key k in Secret ns/sec"),
        ({"secretKeyRef": {"name": "sec", "key": "bin"}}, "key bin in Secret ns/sec is not valid UTF-8"),
        ({"fieldRef": {"fieldPath": "spec.nope"}}, "unsupported fieldPath: spec.nope"),
        ({"resourceFieldRef": {"resource": "limits.nope"}}, "unsupported container resource : limits.nope"),
        ({"resourceFieldRef": {"resource": "limits.cpu", "containerName": "no"}}, "container no not found"),
    ],
)
def test_what_cannot_be_resolved_says_so_in_the_kubelets_words(source: dict[str, Any], message: str) -> None:
    assert fault({"env": [{"name": "X", "valueFrom": source}]}) == message


@pytest.mark.parametrize("reference", ["configMapRef", "secretRef"])
def test_a_missing_object_of_env_from_is_a_fault_unless_optional(reference: str) -> None:
    kind = reference.removesuffix("Ref").lower()
    assert fault({"envFrom": [{reference: {"name": "no"}}]}) == f'{kind} "no" not found'
    assert build({"envFrom": [{reference: {"name": "no", "optional": True}}]}) == {}


@pytest.mark.parametrize("reference", ["configMapKeyRef", "secretKeyRef"])
@pytest.mark.parametrize("name", ["no", "cfg", "ok"])
def test_an_optional_key_that_is_missing_leaves_the_variable_unset(reference: str, name: str) -> None:
    assert value({reference: {"name": name, "key": "k", "optional": True}}) is None


def test_an_optional_reference_does_not_excuse_a_later_one_that_is_not() -> None:
    sources = [{"secretRef": {"name": "no", "optional": True}}, {"secretRef": {"name": "no"}}]
    assert fault({"envFrom": sources}) == 'secret "no" not found'


def test_a_nul_byte_is_refused_before_the_engine_chokes_on_it() -> None:
    objects = ObjectTable(secrets={"s": {"k": b"a\0b"}})
    container = {"env": [{"name": "X", "valueFrom": {"secretKeyRef": {"name": "s", "key": "k"}}}]}
    assert "NUL" in fault(container, objects=objects)


def test_an_object_is_looked_up_once() -> None:
    objects = ObjectTable({"cfg": {"a": "1", "b": "2"}})
    env = [{"name": key, "valueFrom": {"configMapKeyRef": {"name": "cfg", "key": key}}} for key in ("a", "b")]
    assert build({"env": env}, objects=objects) == {"a": "1", "b": "2"}
    assert objects.look_ups == 1


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("metadata.name", "p"),
        ("metadata.namespace", "ns"),
        ("metadata.uid", UID),
        ("metadata.labels['app']", "web"),
        ("metadata.labels['no']", ""),
        ("metadata.annotations['example.com/a']", "x y"),
        ("spec.nodeName", "board"),
        ("spec.serviceAccountName", "default"),
        ("status.hostIP", "192.0.2.7"),
        ("status.hostIPs", "192.0.2.7,2001:db8::7"),
        ("status.podIP", "10.1.0.2"),
        ("status.podIPs", "10.1.0.2,fd00::2"),
    ],
)
def test_every_field_of_the_pod_can_be_had(path: str, expected: str) -> None:
    metadata = {"labels": {"app": "web"}, "annotations": {"example.com/a": "x y"}}
    found = value({"fieldRef": {"fieldPath": path}}, metadata=metadata, serviceAccountName="default")
    assert found == expected


def test_a_host_network_pod_has_the_hosts_addresses() -> None:
    source = {"fieldRef": {"fieldPath": "status.podIP"}}
    assert value(source, pod_ips=(), hostNetwork=True) == "192.0.2.7"
    assert value(source, pod_ips=()) == ""


@pytest.mark.parametrize(
    ("resource", "divisor", "expected"),
    [
        ("limits.cpu", None, "2"),
        ("limits.cpu", "1m", "1250"),
        ("limits.cpu", "0", "2"),
        ("requests.cpu", "1m", "250"),
        ("requests.memory", "1Mi", "32"),
        ("requests.memory", "3Mi", "11"),
        ("limits.memory", None, str(2 * 1024**3)),  # the node's allocatable: the container has no limit
        ("limits.ephemeral-storage", "1Gi", "10"),
        ("requests.ephemeral-storage", None, "0"),
        ("limits.hugepages-2Mi", "1Mi", "0"),
    ],
)
def test_resources_are_divided_and_rounded_up(resource: str, divisor: str | None, expected: str) -> None:
    source = {"resource": resource} | ({"divisor": divisor} if divisor else {})
    resources = {"requests": {"cpu": "250m", "memory": "32Mi"}, "limits": {"cpu": "1250m"}}
    env = [{"name": "X", "valueFrom": {"resourceFieldRef": source}}]
    assert build({"env": env, "resources": resources}) == {"X": expected}


def test_a_pod_level_limit_stands_in_before_the_nodes() -> None:
    source = {"resourceFieldRef": {"resource": "limits.memory", "divisor": "1Mi"}}
    assert value(source, resources={"limits": {"memory": "64Mi"}}) == "64"


@given(st.dictionaries(st.text(min_size=1, alphabet="ABC$()"), st.text(alphabet="AB$() x"), max_size=6))
def test_names_and_order_are_those_of_the_spec(values: dict[str, str]) -> None:
    found = build({"env": [{"name": name, "value": text} for name, text in values.items()]})
    assert list(found) == list(values)


def test_variables_that_double_each_other_are_refused_before_they_fill_the_memory() -> None:
    doubling = [{"name": "A", "value": "a" * 60_000}] + [{"name": "A", "value": "$(A)$(A)"}] * 40
    assert "longer than 131072 bytes" in fault({"env": doubling})
    many = [{"name": f"A{number}", "value": "$(A)$(A)"} for number in range(100)]
    assert "longer than 6291456 bytes together" in fault({"env": [*doubling[:1], *many]})


def test_an_object_that_is_taken_in_again_and_again_is_refused_at_the_same_bound() -> None:
    objects = ObjectTable({"cfg": {"A": "a" * 100_000}}, {})
    sources = [{"prefix": f"P{number}", "configMapRef": {"name": "cfg"}} for number in range(63)]
    assert len(build({"envFrom": sources[:62]}, objects=objects)) == 62
    assert "longer than 6291456 bytes together" in fault({"envFrom": sources}, objects=objects)
