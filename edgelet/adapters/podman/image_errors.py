"""What a failed pull means. libpod tells it by text alone, always with status 200. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import timedelta
from enum import Enum, auto

from edgelet.api import image_name
from edgelet.api.errors import ImageError

_TEXT_LIMIT = 1000
_SOON = timedelta(seconds=10)
_LATER = timedelta(minutes=5)


class Failure(Enum):
    """Classes of failed pulls; each is handled in another way."""

    INVALID_NAME = auto()
    DENIED = auto()
    NOT_FOUND = auto()
    UNREACHABLE = auto()
    UNTRUSTED = auto()
    SIGNATURE = auto()
    DISK_FULL = auto()
    OTHER = auto()


# After these it is certain that no image came: the engine did not get to the end of its layers.
NOTHING_CAME = frozenset(
    (
        *(Failure.INVALID_NAME, Failure.DENIED, Failure.NOT_FOUND),
        *(Failure.UNREACHABLE, Failure.UNTRUSTED, Failure.SIGNATURE),
    )
)

# The first match counts: what a registry says comes with the words of the connection it came over.
_MARKS: tuple[tuple[Failure, tuple[str, ...]], ...] = (
    (
        Failure.INVALID_NAME,
        ("invalid reference format", "invalid image name", "both a tag and digest", "repository name must be"),
    ),
    (Failure.SIGNATURE, ("source image rejected", "a signature was required")),
    (Failure.DISK_FULL, ("no space left on device", "disk quota exceeded")),
    (
        Failure.UNREACHABLE,
        (
            *("connection refused", "connection reset", "connection timed out", "broken pipe", "i/o timeout", "eof"),
            *("no such host", "server misbehaving", "name resolution", "network is unreachable", "no route to host"),
            *("tls handshake timeout", "context deadline exceeded", "client.timeout", "toomanyrequests"),
            *("too many requests", "500 internal", "502 bad", "503 service", "504 gateway", "cannot assign requested"),
            *("proxyconnect", "happened during read", "use of closed network connection"),
        ),
    ),
    (Failure.UNTRUSTED, ("x509:", "certificate", "server gave http response to https client", "tls:")),
    (
        Failure.DENIED,
        ("unauthorized", "authentication required", "denied", "forbidden", "invalid username/password", "401", "403"),
    ),
    (
        Failure.NOT_FOUND,
        ("manifest unknown", "name unknown", "not found", "no image found in manifest list", "404", "name_unknown"),
    ),
)


_UNTRUSTED_HINT = (
    "; check the board's clock and /etc/containers: certs.d/HOST:PORT/ca.crt for an authority of one's own, "
    "insecure = true in registries.conf for a registry without TLS"
)
# What is done about each: Kubernetes' reason, when again, and what helps.
_OTHER = ("ErrImagePull", _SOON, "")
_MEANING: Mapping[Failure, tuple[str, timedelta | None, str]] = {
    Failure.INVALID_NAME: ("InvalidImageName", None, ""),
    Failure.UNREACHABLE: ("RegistryUnavailable", _SOON, ""),
    Failure.SIGNATURE: ("SignatureValidationFailed", _LATER, ""),
    Failure.UNTRUSTED: (
        "ErrImagePull",
        _LATER,
        _UNTRUSTED_HINT,
    ),
    Failure.DISK_FULL: ("ErrImagePull", _LATER, "; remove images or data"),
    Failure.DENIED: ("ErrImagePull", _LATER, ""),
    Failure.NOT_FOUND: ("ErrImagePull", _LATER, ""),
}


def classify(completed: str, text: str) -> Failure:
    """Return what kind of failure libpod's text about the image `completed` tells of."""
    told = _without_names(completed, text).lower()
    return next((failure for failure, marks in _MARKS if any(mark in told for mark in marks)), Failure.OTHER)


def error(completed: str, text: str) -> ImageError:
    """Return the error to raise for a pull of `completed` that ended with `text`."""
    reason, retry_after, hint = _MEANING.get(classify(completed, text), _OTHER)
    words = text if len(text) <= _TEXT_LIMIT else f"{text[:_TEXT_LIMIT]}..."
    return ImageError(reason, f"cannot pull {completed}: {words}{hint}", retry_after=retry_after)


def _without_names(completed: str, text: str) -> str:
    """Take out what is a name and no news: a repository may be called forbidden/eof, a tag 404, a digest holds 403."""
    repository = image_name.repository_of(completed)
    registry, _, path = repository.partition("/")
    tag = completed.removeprefix(f"{repository}:") if "@" not in completed else ""
    names = (completed, repository, registry, path, f"manifest {tag} in")
    for name in filter(None, names):
        text = re.sub(rf"(?<![\w.-]){re.escape(name)}(?![\w-])", "", text)
    return re.sub(r"sha\d+:[0-9a-f]+", "", text)
