"""Secrets sealed for one node before they leave this machine."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from edgelet.api import sealed_secret
from edgelet.cli.failure import CliError
from edgelet.cli.flags import Flag
from edgelet.cli.manifests import Manifest

NODE_KEY = Flag("node-key", "Its public key, base64, or a file that holds it.", value="KEY|FILE")


@dataclass(frozen=True, slots=True)
class Receiver:
    """A node, TENANT/NAME, and its public key."""

    node: str
    key: bytes


def receiver(node: str, given: str) -> Receiver:
    """Return the node with its key as `--node-key` gives it: base64 or a file. Raises CliError."""
    from edgelet.adapters.sealing import hpke  # noqa: PLC0415  only after help was asked for
    from edgelet.cli.over_mqtt import NODE  # noqa: PLC0415

    if not NODE.fullmatch(node):
        raise CliError(f'--node "{node}" is not TENANT/NAME, two DNS labels')
    try:
        return Receiver(node, hpke.public_key(given))
    except ValueError as error:
        why = error
    try:
        text = Path(given).read_text(encoding="ascii")
    except FileNotFoundError:
        said = f"it is no file, and not {sealed_secret.PUBLIC_KEY_BYTES} bytes in base64 ({why})"
        raise CliError(f"cannot use --node-key {given[:100]}: {said}") from why
    except (OSError, UnicodeDecodeError) as error:
        said = (isinstance(error, OSError) and error.strerror) or "this is no base64"
        raise CliError(f"cannot read --node-key {given[:100]}: {said}") from error
    try:
        return Receiver(node, hpke.public_key(text))
    except ValueError as error:
        raise CliError(f"cannot use --node-key {given[:100]}: {error}") from error


def public_key(told: Mapping[str, Any]) -> str:
    """Return the key of this node, as its agent tells of its keys. Raises CliError."""
    if not told.get("publicKey"):
        raise CliError(f"this node has no sealing key: {told.get('trouble') or 'see edgelet describe node'}")
    return str(told["publicKey"])


def is_plain(manifest: Manifest) -> bool:
    """Whether it is a Secret that anybody can read."""
    return manifest.resource.kind == sealed_secret.STANDS_FOR and not sealed_secret.is_one(manifest.document)


def sealed(manifest: Manifest, to: Receiver) -> dict[str, Any]:
    """Return a plain Secret sealed, anything else as it is. Raises CliError."""
    from edgelet.adapters.sealing import hpke  # noqa: PLC0415  see receiver

    if not is_plain(manifest):
        return manifest.document
    _judge(manifest)
    try:
        made = hpke.seal(manifest.document, node=to.node, namespace=manifest.namespace, key=to.key)
    except ValueError as error:
        raise CliError(f"cannot use --node-key: it is no public key of a node ({error})") from error
    return sealed_secret.document(made)


def _judge(manifest: Manifest) -> None:
    """Find faults here: once sealed, only the node can. Raises CliError; no value is repeated."""
    from edgelet.api import kinds  # noqa: PLC0415  pydantic, see receiver
    from edgelet.api.errors import EdgeletError  # noqa: PLC0415
    from edgelet.intake import admit  # noqa: PLC0415

    kind = kinds.of_kind(manifest.resource.kind)
    if kind is None:
        raise AssertionError(manifest.resource.kind)
    try:
        admit.admit(json.loads(json.dumps(manifest.document)), kind, house=admit.House(node_name=""))
    except EdgeletError as error:
        raise CliError(f"{manifest.source}: {error.message}") from error
