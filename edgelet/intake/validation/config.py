"""Rules for ConfigMap, Secret and Namespace."""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Iterator

from edgelet.api import names
from edgelet.api.config_map import ConfigMap
from edgelet.api.errors import FieldError
from edgelet.api.namespace import Namespace
from edgelet.api.secret import Secret
from edgelet.intake import faults
from edgelet.intake.validation import metadata

# Keys that a Secret of a type must have.
_SECRET_KEYS = {
    "kubernetes.io/dockercfg": (".dockercfg",),
    "kubernetes.io/dockerconfigjson": (".dockerconfigjson",),
    "kubernetes.io/ssh-auth": ("ssh-privatekey",),
    "kubernetes.io/tls": ("tls.crt", "tls.key"),
}
_JSON_KEYS = {".dockercfg", ".dockerconfigjson"}


def check_config_map(config_map: ConfigMap) -> Iterator[FieldError]:
    """Check keys, base64 of binaryData, and that no key stands in both."""
    yield from metadata.check(config_map.metadata, namespaced=True)
    for path, keys in (("data", config_map.data), ("binaryData", config_map.binary_data)):
        for key in keys:
            if fault := names.config_map_key(key):
                yield faults.invalid(f"{path}[{key}]", key, fault)
    for key, text in config_map.binary_data.items():
        if key in config_map.data:
            yield faults.invalid(f"binaryData[{key}]", key, "duplicate of key present in data")
        if _decoded(text) is None:
            yield faults.wrong_type(f"binaryData[{key}]", "illegal base64 data")


def check_secret(secret: Secret) -> Iterator[FieldError]:
    """Check keys, base64, and what the type asks for. No fault repeats a value."""
    yield from metadata.check(secret.metadata, namespaced=True)
    for path, keys in (("data", secret.data), ("stringData", secret.string_data)):
        for key in keys:
            if fault := names.config_map_key(key):
                yield faults.invalid(f"{path}[{key}]", key, fault)
    for key, text in secret.data.items():
        if _decoded(text) is None:
            yield faults.wrong_type(f"data[{key}]", "illegal base64 data")
    for key in _SECRET_KEYS.get(secret.type or "", ()):
        if key not in secret.data:
            yield faults.required(f"data[{key}]")
        elif key in _JSON_KEYS and not _is_json(_decoded(secret.data[key])):
            yield faults.wrong_type(f"data[{key}]", "must be the base64 of a JSON document")
    if secret.type == "kubernetes.io/basic-auth" and not {"username", "password"} & secret.data.keys():
        yield faults.required("data[username]")
        yield faults.required("data[password]")


def check_namespace(namespace: Namespace) -> Iterator[FieldError]:
    """Check the name."""
    yield from metadata.check(namespace.metadata, namespaced=False, rule=names.dns_label)


def _decoded(text: str) -> bytes | None:
    try:
        return base64.b64decode(text.replace("\n", "").replace("\r", ""), validate=True)  # Go skips line ends
    except (binascii.Error, ValueError):
        return None


def _is_json(content: bytes | None) -> bool:
    try:
        return content is not None and isinstance(json.loads(content), dict)
    except (ValueError, RecursionError):
        return False
