"""Logins for registries: which fit an image, and how libpod takes them. Pure."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterable
from fnmatch import fnmatchcase

from edgelet.api import image_name
from edgelet.ports.images import Credential

_DOCKER_HUB_NAMES = ("index.docker.io", "registry-1.docker.io", "registry.hub.docker.com")


def fitting(completed: str, credentials: Iterable[Credential]) -> tuple[Credential, ...]:
    """Return the credentials for this image, the closest match first; equal ones in their order.

    `registry` may be a host, host:port, a URL, a path prefix below a host, and may have * inside a label of the host,
    as in a dockerconfigjson for Kubernetes.

    Source: Kubernetes pkg/credentialprovider/keyring.go: the index of logins is sorted backwards.
    """
    repository = image_name.repository_of(completed)
    found = [credential for credential in credentials if _fits(repository, credential.registry)]
    return tuple(sorted(found, key=lambda credential: _plain(credential.registry), reverse=True))


def header(credential: Credential | None) -> dict[str, str]:
    """Return the request headers. None is anonymous, or what `podman login` left on the board, as under a kubelet."""
    if credential is None:
        return {}
    document = {"username": credential.username, "password": credential.password}
    return {"X-Registry-Auth": base64.urlsafe_b64encode(json.dumps(document).encode()).decode()}


def _fits(repository: str, registry: str) -> bool:
    host, _, path = _plain(registry).partition("/")
    own_host, _, own_path = repository.partition("/")
    return _host_fits(own_host, host) and (not path or f"{own_path}/".startswith(f"{path}/"))


def _plain(registry: str) -> str:
    text = registry.strip()
    for scheme in ("https://", "http://"):
        text = text.removeprefix(scheme)
    text = text.rstrip("/")
    for version in ("/v1", "/v2"):
        text = text.removesuffix(version)
    host, slash, path = text.partition("/")
    return f"{image_name.DEFAULT_REGISTRY if host in _DOCKER_HUB_NAMES else host}{slash}{path}"


def _host_fits(host: str, pattern: str) -> bool:
    labels, patterns = host.split("."), pattern.split(".")
    return len(labels) == len(patterns) and all(map(fnmatchcase, labels, patterns))
