"""What the files of configMap, secret, projected and downwardAPI volumes hold.

Source: Kubernetes pkg/volume/{configmap,secret,projected,downwardapi}, MakePayload and collectData.
"""

from __future__ import annotations

import posixpath
from collections.abc import Mapping
from typing import Protocol

from edgelet.api.pod import Pod
from edgelet.api.volume import DownwardAPIFile, KeyToPath, ProjectedVolume, Volume, VolumeProjection
from edgelet.pods import pod_fields, references
from edgelet.pods.node_facts import NodeFacts
from edgelet.pods.references import Objects
from edgelet.ports.pod_files import PayloadFile

Files = dict[str, PayloadFile]

_DEFAULT_MODE = 0o644
_PATH_MAX_BYTES = 4095  # no call of Linux takes a longer one (PATH_MAX)
_SHOWN_CHARACTERS = 60


class _Named(Protocol):
    """A reference to a ConfigMap or Secret with a choice of its keys."""

    @property
    def items(self) -> tuple[KeyToPath, ...]: ...

    @property
    def optional(self) -> bool | None: ...


def files(volume: Volume, pod: Pod, *, objects: Objects, node: NodeFacts) -> Files:
    """Return relative path -> file of a volume that is made of objects.

    Raises:
        ValueError: With the kubelet's words: an object or key is missing and not optional, or a path cannot be.
    """
    found: Files = {}
    namespace = pod.metadata.namespace
    if volume.config_map:
        mode = _mode(volume.config_map.default_mode)
        found = _config_map(volume.config_map.name, volume.config_map, namespace, mode, objects)
    elif volume.secret:
        mode = _mode(volume.secret.default_mode)
        found = _secret(volume.secret.secret_name or "", volume.secret, namespace, mode, objects)
    elif volume.downward_api:
        found = _downward(volume.downward_api.items, pod, _mode(volume.downward_api.default_mode), node)
    elif volume.projected:
        found = _projected(volume.projected, pod, objects, node)
    _check_paths(found)
    return found


def _projected(volume: ProjectedVolume, pod: Pod, objects: Objects, node: NodeFacts) -> Files:
    found: Files = {}
    faults = []
    for source in volume.sources:
        try:
            found |= _projection(source, pod, _mode(volume.default_mode), objects, node)
        except ValueError as error:
            faults.append(str(error))
    if faults:
        raise ValueError(faults[0] if len(faults) == 1 else f"[{', '.join(faults)}]")  # as Go joins errors
    return found


def _projection(source: VolumeProjection, pod: Pod, mode: int, objects: Objects, node: NodeFacts) -> Files:
    namespace = pod.metadata.namespace
    if source.config_map:
        return _config_map(source.config_map.name, source.config_map, namespace, mode, objects)
    if source.secret:
        return _secret(source.secret.name, source.secret, namespace, mode, objects)
    if source.downward_api:
        return _downward(source.downward_api.items, pod, mode, node)
    raise ValueError("this source of a projected volume is not supported on this node")


def _config_map(name: str, choice: _Named, namespace: str, mode: int, objects: Objects) -> Files:
    found = objects.config_map(namespace, name)
    if found is None and not choice.optional:
        raise ValueError(f'configmap "{name}" not found')
    data = references.config_map_data(found) if found else {}
    return _chosen(data, choice, mode, missing="configmap references non-existent config key")


def _secret(name: str, choice: _Named, namespace: str, mode: int, objects: Objects) -> Files:
    found = objects.secret(namespace, name)
    if found is None and not choice.optional:
        raise ValueError(f'secret "{name}" not found')
    data = references.secret_data(found) if found else {}
    return _chosen(data, choice, mode, missing="references non-existent secret key")


def _chosen(data: Mapping[str, bytes], choice: _Named, mode: int, *, missing: str) -> Files:
    """Return every key as a file, or only the chosen ones at their paths."""
    if not choice.items:
        return {key: PayloadFile(value, mode) for key, value in data.items()}
    found: Files = {}
    for item in choice.items:
        if item.key in data:
            found[item.path] = PayloadFile(data[item.key], mode if item.mode is None else item.mode)
        elif not choice.optional:
            raise ValueError(f"{missing}: {item.key}")
    return found


def _downward(items: tuple[DownwardAPIFile, ...], pod: Pod, mode: int, node: NodeFacts) -> Files:
    found: Files = {}
    for item in items:
        text = ""
        if item.field_ref:
            text = pod_fields.metadata_field(pod, item.field_ref.field_path)
        elif item.resource_field_ref:
            text = pod_fields.resource_field(item.resource_field_ref, pod, None, node)
        found[item.path] = PayloadFile(text.encode(), mode if item.mode is None else item.mode)
    return found


def _mode(default_mode: int | None) -> int:
    return _DEFAULT_MODE if default_mode is None else default_mode


def _check_paths(found: Files) -> None:
    """Refuse paths that are too long, leave the directory, mean the same file, or need a file to be a directory."""
    seen: set[str] = set()
    for path in found:
        if len(path.encode()) > _PATH_MAX_BYTES:
            raise ValueError(f"invalid path: longer than {_PATH_MAX_BYTES} bytes: {path[:_SHOWN_CHARACTERS]}...")
        if not path or path.startswith(("/", "..")) or ".." in path.split("/"):
            raise ValueError(f"invalid path: must be relative and must not contain or start with '..': {path}")
        clean = posixpath.normpath(path)
        if clean in seen:
            raise ValueError(f"conflicting duplicate paths: {path}")
        seen.add(clean)
    for path in seen:
        parents = path.split("/")
        for count in range(1, len(parents)):
            if "/".join(parents[:count]) in seen:
                raise ValueError(f"conflicting paths: {'/'.join(parents[:count])} is a file and a directory of {path}")
