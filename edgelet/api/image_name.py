"""Names of images as Kubernetes reads them, made complete: registry, path, tag or digest. Pure.

Source: github.com/distribution/reference (grammar and the docker.io default), as the container runtimes under the
kubelet apply it. Podman's own short-name search is not used: one name means one image on every board.
"""

from __future__ import annotations

import re

from edgelet.api.errors import ImageError

_NAME_LIMIT = 255
_HOST = r"(?:[a-zA-Z0-9](?:[a-zA-Z0-9-]*[a-zA-Z0-9])?(?:\.[a-zA-Z0-9](?:[a-zA-Z0-9-]*[a-zA-Z0-9])?)*|\[[a-fA-F0-9:]+\])"
_REGISTRY = re.compile(rf"{_HOST}(?::[0-9]+)?")
_PATH = re.compile(r"[a-z0-9]+(?:(?:[._]|__|-+)[a-z0-9]+)*(?:/[a-z0-9]+(?:(?:[._]|__|-+)[a-z0-9]+)*)*")
_TAG = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}")
_DIGEST = re.compile(r"sha256:[a-f0-9]{64}|sha512:[a-f0-9]{128}")
_ID = re.compile(r"(?:sha256:)?([a-f0-9]{64})")
DEFAULT_REGISTRY = "docker.io"


def image_id(reference: str) -> str | None:
    """Return the 64 hex digits if this is the id of an image, not a name."""
    match = _ID.fullmatch(reference)
    return match[1] if match else None


def complete(reference: str) -> str:
    """Return registry/path:tag or registry/path@digest; of tag and digest the digest counts.

    Raises:
        ImageError: InvalidImageName.
    """
    name, at, digest = reference.partition("@")
    if at and not _DIGEST.fullmatch(digest):
        raise _invalid(reference, "the digest after @ must be sha256: and 64 hexadecimal digits")
    name, tag = _split_tag(name)
    if tag is not None and not _TAG.fullmatch(tag):
        raise _invalid(reference, "the tag has a character that is not allowed, or more than 128")
    registry, path = _split_registry(name)
    if not _REGISTRY.fullmatch(registry):
        raise _invalid(reference, f"{registry!r} is no host name")
    if not _PATH.fullmatch(path):
        raise _invalid(reference, "its path may have lower-case letters, digits and single . _ - between them")
    if _ID.fullmatch(path.removeprefix("library/")) and registry == DEFAULT_REGISTRY:
        raise _invalid(reference, "an image id is no name to pull by")
    full = f"{registry}/{path}"
    if len(full) > _NAME_LIMIT:
        raise _invalid(reference, f"it is longer than {_NAME_LIMIT} characters")
    return f"{full}@{digest}" if at else f"{full}:{tag or 'latest'}"


def registry_of(completed: str) -> str:
    """Return host or host:port of a completed reference."""
    return completed.partition("/")[0]


def repository_of(completed: str) -> str:
    """Return registry/path of a completed reference."""
    return _split_tag(completed.partition("@")[0])[0]


def _split_tag(name: str) -> tuple[str, str | None]:
    head, colon, tail = name.rpartition(":")
    return (head, tail) if colon and "/" not in tail else (name, None)


def _split_registry(name: str) -> tuple[str, str]:
    first, slash, rest = name.partition("/")
    if slash and (first == "localhost" or any(mark in first for mark in ".:") or first != first.lower()):
        registry, path = first, rest
    else:
        registry, path = DEFAULT_REGISTRY, name
    if registry == "index.docker.io":
        registry = DEFAULT_REGISTRY
    if registry == DEFAULT_REGISTRY and "/" not in path:
        path = f"library/{path}"
    return registry, path


def _invalid(reference: str, why: str) -> ImageError:
    shown = reference if len(reference) <= _NAME_LIMIT else f"{reference[:_NAME_LIMIT]}..."
    return ImageError("InvalidImageName", f"cannot use the image name {shown!r}: {why}")
