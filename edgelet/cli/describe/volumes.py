"""Volumes inside a description of a pod. Source: kubectl pkg/describe describeVolumes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from edgelet.cli.describe.prose import NONE, Prose

Value = Mapping[str, Any]


def write(prose: Prose, volumes: Sequence[Value]) -> None:
    """Describe each volume."""
    prose.line(0, "Volumes:" if volumes else f"Volumes:\t{NONE}")
    for volume in volumes:
        prose.line(1, f"{volume.get('name')}:")
        for label, value in _lines(volume):
            prose.field(2, label, value)


def _lines(volume: Value) -> Iterator[tuple[str, object]]:
    if (host := volume.get("hostPath")) is not None:
        yield "Type", "HostPath (bare host directory volume)"
        yield "Path", host.get("path", "")
        yield "HostPathType", host.get("type", "")
    elif (config := volume.get("configMap")) is not None:
        yield "Type", "ConfigMap (a volume populated by a ConfigMap)"
        yield "Name", config.get("name", "")
        yield "Optional", _lower(config.get("optional"))
    elif (secret := volume.get("secret")) is not None:
        yield "Type", "Secret (a volume populated by a Secret)"
        yield "SecretName", secret.get("secretName", "")
        yield "Optional", _lower(secret.get("optional"))
    elif (projected := volume.get("projected")) is not None:
        yield "Type", "Projected (a volume that contains injected data from multiple sources)"
        for source in projected.get("sources") or []:
            yield from _projected(source)
    elif (downward := volume.get("downwardAPI")) is not None:
        yield "Type", "DownwardAPI (a volume populated by information about the pod)"
        yield "Items", ""
        for item in downward.get("items") or []:
            origin = (item.get("fieldRef") or {}).get("fieldPath") or (item.get("resourceFieldRef") or {}).get(
                "resource"
            )
            yield f"  {origin} -> {item.get('path')}", ""
    elif (claim := volume.get("persistentVolumeClaim")) is not None:
        yield "Type", "PersistentVolumeClaim (a reference to a PersistentVolumeClaim in the same namespace)"
        yield "ClaimName", claim.get("claimName", "")
        yield "ReadOnly", _lower(claim.get("readOnly"))
    elif (image := volume.get("image")) is not None:
        yield "Type", "Image (a container image or OCI artifact)"
        yield "Reference", image.get("reference", "")
        yield "PullPolicy", image.get("pullPolicy", "")
    else:  # Kubernetes' default, too
        empty = volume.get("emptyDir") or {}
        yield "Type", "EmptyDir (a temporary directory that shares a pod's lifetime)"
        yield "Medium", empty.get("medium", "")
        yield "SizeLimit", empty.get("sizeLimit") or "<unset>"


def _projected(source: Value) -> Iterator[tuple[str, object]]:
    if (secret := source.get("secret")) is not None:
        yield "SecretName", secret.get("name", "")
        yield "Optional", _lower(secret.get("optional"))
    elif (config := source.get("configMap")) is not None:
        yield "ConfigMapName", config.get("name", "")
        yield "Optional", _lower(config.get("optional"))
    elif source.get("downwardAPI") is not None:
        yield "DownwardAPI", "true"
    elif (token := source.get("serviceAccountToken")) is not None:
        yield "TokenExpirationSeconds", token.get("expirationSeconds", 3600)


def _lower(value: object) -> str:
    return "true" if value else "false"
