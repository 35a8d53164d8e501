"""ConfigMaps and Secrets that a pod refers to: how they are looked up, and which ones its worker watches."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Iterator
from typing import Protocol

from edgelet.api.config_map import ConfigMap
from edgelet.api.container import Container
from edgelet.api.pod import Pod
from edgelet.api.secret import Secret
from edgelet.api.volume import Volume
from edgelet.ports.object_store import Key


class Objects(Protocol):
    """Looks an object up by name; None if it is not there."""

    def config_map(self, namespace: str, name: str) -> ConfigMap | None: ...

    def secret(self, namespace: str, name: str) -> Secret | None:
        """Raises ValueError where it is kept and cannot be read: what has its content goes on, nothing new starts."""
        ...


def of(pod: Pod) -> frozenset[Key]:
    """Return every ConfigMap and Secret whose change concerns the pod.

    Volumes that no container mounts do not count. Optional references do: the object may appear.
    """
    found = set(_of_containers(pod))
    for volume in mounted_volumes(pod):
        found.update(_of_volume(volume))
    found.update(("Secret", secret.name) for secret in pod.spec.image_pull_secrets)
    return frozenset(Key(kind, pod.metadata.namespace, name) for kind, name in found if name)


def mounted_volumes(pod: Pod) -> tuple[Volume, ...]:
    """Return the volumes that some container mounts, in the spec's order.

    Source: the kubelet's volume populator (util.GetPodVolumeNames) ignores the others.
    """
    mounted = {mount.name for container in every_container(pod) for mount in container.volume_mounts}
    return tuple(volume for volume in pod.spec.volumes if volume.name in mounted)


def containers(pod: Pod) -> tuple[Container, ...]:
    """Return the init and app containers, in order."""
    return (*pod.spec.init_containers, *pod.spec.containers)


def every_container(pod: Pod) -> tuple[Container, ...]:
    """Return the init, app and ephemeral containers, in order."""
    return (*containers(pod), *pod.spec.ephemeral_containers)


def find_container(pod: Pod, name: str) -> Container | None:
    """Return an init, app or ephemeral container; None: the pod has none of that name."""
    return next((one for one in every_container(pod) if one.name == name), None)


def container(pod: Pod, name: str) -> Container:
    """Return a container that a step names. A step is planned from the pod, so it has it."""
    found = find_container(pod, name)
    if found is None:
        raise AssertionError(f"the plan names container {name}, which the pod does not have")
    return found


def config_map_data(config_map: ConfigMap) -> dict[str, bytes]:
    """Return key -> content, texts and binaries together.

    Raises:
        ValueError: binaryData that is not base64; names the key.
    """
    found = {key: text.encode() for key, text in config_map.data.items()}
    return found | {key: _decoded(key, text) for key, text in config_map.binary_data.items()}


def secret_data(secret: Secret) -> dict[str, bytes]:
    """Return key -> content.

    Raises:
        ValueError: data that is not base64; names the key.
    """
    found = {key: _decoded(key, text) for key, text in secret.data.items()}
    return found | {key: text.encode() for key, text in secret.string_data.items()}


def _decoded(key: str, text: str) -> bytes:
    try:
        return base64.b64decode(text.replace("\n", "").replace("\r", ""), validate=True)
    except binascii.Error as error:
        raise ValueError(f"the value of key {key} is not base64") from error


def _of_containers(pod: Pod) -> Iterator[tuple[str, str]]:
    for container in every_container(pod):
        for source in container.env_from:
            if source.config_map_ref:
                yield "ConfigMap", source.config_map_ref.name
            if source.secret_ref:
                yield "Secret", source.secret_ref.name
        for variable in container.env:
            if variable.value_from and (reference := variable.value_from.config_map_key_ref):
                yield "ConfigMap", reference.name
            if variable.value_from and (reference := variable.value_from.secret_key_ref):
                yield "Secret", reference.name


def _of_volume(volume: Volume) -> Iterator[tuple[str, str]]:
    if volume.config_map:
        yield "ConfigMap", volume.config_map.name
    if volume.secret:
        yield "Secret", volume.secret.secret_name or ""
    for source in volume.projected.sources if volume.projected else ():
        if source.config_map:
            yield "ConfigMap", source.config_map.name
        if source.secret:
            yield "Secret", source.secret.name
