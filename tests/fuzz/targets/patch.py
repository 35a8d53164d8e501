r"""A patch of a stored Pod, `type [subresource]\npatch`: the Pod is as the patch wants it, or the patch is refused."""

from __future__ import annotations

from typing import Any

from edgelet.api.errors import EdgeletError
from edgelet.api.pod import Pod
from edgelet.intake import patch as patches
from edgelet.ports.object_store import Key
from edgelet.remote import changing
from tests import builders
from tests.fuzz import house, plain_json
from tests.fuzz.house import Door
from tests.fuzz.stepping import settled

_POD = Key("Pod", "default", "web")
_RICH: dict[str, Any] = builders.pod_document(
    "web",
    {
        "name": "c",
        "image": "localhost/testbox:1",
        "env": [{"name": "A", "value": "1"}],
        "ports": [{"containerPort": 80}, {"containerPort": 53, "protocol": "UDP"}],
        "resources": {"requests": {"cpu": "100m"}},
        "volumeMounts": [{"name": "v", "mountPath": "/v"}],
    },
    metadata={"labels": {"app": "web"}, "annotations": {"a": "b"}},
    volumes=[{"name": "v", "emptyDir": {}}],
    tolerations=[{"key": "k", "operator": "Exists"}],
    activeDeadlineSeconds=100,
)


def try_input(data: bytes) -> None:
    """Held against a bare document and against a stored Pod."""
    head, _, body = data.partition(b"\n")
    patch_type, _, subresource = head.decode("latin-1").partition(" ")
    try:
        change = changing._json(body)
    except EdgeletError:
        return
    try:
        plain_json.check_text(patches.apply(_RICH, change, patch_type=patch_type))
    except EdgeletError as error:
        house.check_refusal(error)
    door = Door()
    stored = door.apply(_RICH, source="api").object
    status = {"phase": "Running", "conditions": [{"type": "Ready", "status": "True"}]}
    settled(door.store.put_status(_POD, status, uid=stored.uid, durable=False))
    try:
        accepted = settled(
            door.reception.patch(_POD, change, patch_type=patch_type, subresource=subresource, source="api")
        )
    except EdgeletError as error:
        house.check_refusal(error)
        return
    plain_json.check(accepted.object.document)
    Pod.model_validate(accepted.object.document)
