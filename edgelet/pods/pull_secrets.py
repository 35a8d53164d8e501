"""imagePullSecrets: the logins they hold."""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from edgelet.api.pod import Pod
from edgelet.api.secret import Secret
from edgelet.pods import references
from edgelet.pods.references import Objects
from edgelet.ports.images import Credential, SecretId

_NEW = ".dockerconfigjson"
_OLD = ".dockercfg"


def credentials(pod: Pod, objects: Objects) -> tuple[tuple[Credential, ...], tuple[str, ...]]:
    """Return the logins of all secrets, and the names of secrets that are missing or unreadable.

    Source: Kubernetes pkg/kubelet/kubelet_pods.go getPullSecretsForPod; pkg/credentialprovider.
    """
    found: list[Credential] = []
    missing: list[str] = []
    for reference in pod.spec.image_pull_secrets:
        try:
            secret = objects.secret(pod.metadata.namespace, reference.name)
            data = references.secret_data(secret) if secret else {}
            logins = _logins(data)
        except (ValueError, KeyError, TypeError, AttributeError):
            logins = None
        if logins is None:
            missing.append(reference.name)
        else:
            found += [replace(one, secret=_id(secret)) for one in logins] if secret else logins
    return tuple(found), tuple(missing)


def _id(secret: Secret) -> SecretId:
    metadata = secret.metadata
    return SecretId(metadata.uid or "", metadata.namespace or "", metadata.name or "")


def _logins(data: dict[str, bytes]) -> list[Credential] | None:
    if _NEW in data:
        return list(_entries(json.loads(data[_NEW])["auths"]))
    if _OLD in data:
        return list(_entries(json.loads(data[_OLD])))
    return None


def _entries(auths: dict[str, dict[str, Any]]) -> Iterator[Credential]:
    for registry, entry in auths.items():
        username, password = entry.get("username", ""), entry.get("password", "")
        if entry.get("auth"):
            username, password = _decoded(entry["auth"])
        yield Credential(registry=registry, username=username, password=password)


def _decoded(auth: str) -> tuple[str, str]:
    try:
        username, _, password = base64.b64decode(auth, validate=True).decode().partition(":")
    except (binascii.Error, UnicodeDecodeError) as error:
        raise ValueError("auth is not base64") from error
    return username, password
