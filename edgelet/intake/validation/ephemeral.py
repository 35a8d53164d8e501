"""Rules for ephemeral containers.

Source: Kubernetes pkg/apis/core/validation/validation.go validateEphemeralContainers.
"""

from __future__ import annotations

from collections.abc import Iterator

from edgelet.api.container import Container, EphemeralContainer
from edgelet.api.errors import FieldError
from edgelet.api.pod import PodSpec
from edgelet.api.value import camel_case
from edgelet.intake import faults
from edgelet.intake.validation import container
from edgelet.intake.validation.container import Surroundings

_ALLOWED = frozenset(
    {
        "name",
        "image",
        "command",
        "args",
        "working_dir",
        "env_from",
        "env",
        "volume_mounts",
        "volume_devices",
        "termination_message_path",
        "termination_message_policy",
        "image_pull_policy",
        "security_context",
        "stdin",
        "stdin_once",
        "tty",
        "target_container_name",
    }
)
_NEUTRAL = Container(name="")
_NOT_HERE = "cannot be set for an Ephemeral Container"


def check(spec: PodSpec, around: Surroundings) -> Iterator[FieldError]:
    """Check the ephemeral containers of a pod."""
    taken = {one.name for one in (*spec.containers, *spec.init_containers)}
    targets = frozenset(taken)
    for index, one in enumerate(spec.ephemeral_containers):
        path = f"spec.ephemeralContainers[{index}]"
        yield from container.check(one, path, around)
        if one.name and one.name in taken:
            yield faults.duplicate(f"{path}.name", one.name)
        taken.add(one.name)
        yield from _fields(one, path)
        if one.target_container_name and one.target_container_name not in targets:
            yield faults.not_found(f"{path}.targetContainerName", one.target_container_name)


def _fields(one: EphemeralContainer, path: str) -> Iterator[FieldError]:
    for name in Container.model_fields:
        if name not in _ALLOWED and getattr(one, name) != getattr(_NEUTRAL, name):
            yield faults.forbidden(f"{path}.{camel_case(name)}", _NOT_HERE)
    for index, mount in enumerate(one.volume_mounts):
        for name, value in (("subPath", mount.sub_path), ("subPathExpr", mount.sub_path_expr)):
            if value:
                yield faults.forbidden(f"{path}.volumeMounts[{index}].{name}", _NOT_HERE)
