from __future__ import annotations

from dataclasses import replace

import pytest

from edgelet.api.errors import EdgeletError
from edgelet.api.pod import Pod
from edgelet.pods import environment, pull_secrets, volume_payloads
from edgelet.pods.store_objects import StoreObjects
from edgelet.ports.object_store import Key
from tests import builders
from tests.fakes.object_store import FakeObjectStore
from tests.unit.pods.pod_documents import NODE


@pytest.fixture
async def objects() -> StoreObjects:
    """One Secret that is kept and cannot be read: its key is lost."""
    store = FakeObjectStore()
    key = Key("Secret", "default", "db")
    stored = await store.put(key, {"apiVersion": "v1", "kind": "Secret", "data": {}}, source="mqtt")
    store._objects[key] = replace(stored, unreadable="it is sealed under node key 12, and the key here is 34")
    return StoreObjects(store)


def _pod(*, optional: bool) -> Pod:
    container = builders.container_document(
        env=[{"name": "P", "valueFrom": {"secretKeyRef": {"name": "db", "key": "p", "optional": optional}}}],
        volumeMounts=[{"name": "s", "mountPath": "/s"}],
    )
    volume = {"name": "s", "secret": {"secretName": "db", "optional": optional}}
    spec = {"containers": [container], "volumes": [volume], "imagePullSecrets": [{"name": "db"}]}
    return Pod.model_validate(
        {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "web", "namespace": "default"}, "spec": spec}
    )


@pytest.mark.parametrize("optional", [False, True])
def test_a_secret_that_cannot_be_read_empties_no_volume_although_it_is_optional(
    objects: StoreObjects, *, optional: bool
) -> None:
    pod = _pod(optional=optional)
    with pytest.raises(ValueError, match='secret "db" cannot be read: it is sealed under node key 12'):
        volume_payloads.files(pod.spec.volumes[0], pod, objects=objects, node=NODE)


@pytest.mark.parametrize("optional", [False, True])
def test_it_starts_no_container_without_its_variable(objects: StoreObjects, *, optional: bool) -> None:
    pod = _pod(optional=optional)
    with pytest.raises(EdgeletError, match="cannot be read") as refused:
        environment.build(pod.spec.containers[0], pod, objects=objects, pod_ips=(), node=NODE)
    assert refused.value.reason == "CreateContainerConfigError"


def test_as_a_login_it_counts_as_missing(objects: StoreObjects) -> None:
    assert pull_secrets.credentials(_pod(optional=False), objects) == ((), ("db",))
