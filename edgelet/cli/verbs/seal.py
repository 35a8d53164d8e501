"""`seal`: Secrets that one node alone can open."""

from __future__ import annotations

import base64
import json
import sys
from pathlib import Path
from typing import Any

from edgelet.api import sealed_secret
from edgelet.cli import manifests, output
from edgelet.cli.failure import CliError, UsageError
from edgelet.cli.flags import Flag
from edgelet.cli.manifests import Manifest
from edgelet.cli.verb import FILES, NAMESPACE, Call, Verb

VERB = Verb(
    usage="seal -f FILE|DIRECTORY|- [--node TENANT/NAME --node-key KEY|FILE] [OPTIONS]",
    about="Seal Secrets for one node, which alone can open them; a broker or a repository sees nothing of them. What "
    "comes out is applied in place of the Secret. Other objects are passed on as they are. Without --node and "
    "--node-key: for the node of this board, whose agent is asked.",
    examples="""
edgelet secrets public-key                      # on the board
edgelet seal -f secret.yaml --node acme/pi-01 --node-key BASE64 > sealed.yaml
edgelet apply -f sealed.yaml --node acme/pi-01 --broker mqtts://broker
edgelet seal -f secret.yaml | edgelet apply -f -""",
    flags=(
        *FILES,
        NAMESPACE,
        Flag("node", "The node that can open it.", value="TENANT/NAME"),
        Flag("node-key", "Its public key, base64, or a file that holds it.", value="KEY|FILE"),
        Flag("output", "json or yaml.", short="o", value="FORMAT", default="yaml"),
    ),
)


def run(call: Call) -> int:
    """Print everything sealed; 1 if anything could not be."""
    call.no_arguments()
    form = output.parse(call.parsed.text("output"))
    if form.form not in {"json", "yaml"}:
        raise UsageError("-o takes json or yaml")
    node, key = _receiver(call)
    code = 0
    found: list[dict[str, Any]] = []
    for manifest in manifests.read(call):
        try:
            if isinstance(manifest, CliError):
                raise manifest
            found.append(_sealed(manifest, node=node, key=key))
        except CliError as error:
            code = 1
            print(error, file=sys.stderr)
    if found:
        whole = found[0] if len(found) == 1 else output.as_list(found)
        print(output.render(form, whole, names=()), end="")
    return code


def _receiver(call: Call) -> tuple[str, bytes]:
    """The node and its public key, from the flags or from the agent of this board."""
    from edgelet.adapters.sealing import hpke  # noqa: PLC0415  only after help was asked for
    from edgelet.cli.over_mqtt import NODE  # noqa: PLC0415

    node, given = call.parsed.text("node"), call.parsed.text("node-key")
    if bool(node) != bool(given):
        raise UsageError("--node and --node-key go together: a seal is for one node under its key")
    if not node:
        told = call.agent().read("/edgelet/v1/secrets")
        node, given = str(told.get("node", "")), str(told.get("publicKey", ""))
        if not given:
            raise CliError("this node has no sealing key; its events say why")
    if not NODE.fullmatch(node):
        raise CliError(f'--node "{node}" is not TENANT/NAME, two DNS labels')
    try:
        text = Path(given).read_text(encoding="ascii") if _is_file(given) else given
        return node, hpke.public_key(text)
    except (OSError, ValueError) as error:
        raise CliError(f"cannot use --node-key: {error}") from error


def _is_file(given: str) -> bool:
    """Whether it is a file; base64 may hold a slash."""
    try:
        return len(base64.b64decode(given, validate=True)) != sealed_secret.PUBLIC_KEY_BYTES
    except ValueError:
        return True


def _sealed(manifest: Manifest, *, node: str, key: bytes) -> dict[str, Any]:
    from edgelet.adapters.sealing import hpke  # noqa: PLC0415  see _receiver

    document = manifest.document
    if manifest.resource.kind != sealed_secret.STANDS_FOR or sealed_secret.is_one(document):
        return document
    _judge(manifest)
    try:
        made = hpke.seal(document, node=node, namespace=manifest.namespace, key=key)
    except ValueError as error:
        raise CliError(f"cannot use --node-key: {error}") from error
    return sealed_secret.document(made)


def _judge(manifest: Manifest) -> None:
    """Find faults here: once sealed, only the node can. Raises CliError; no value is repeated."""
    from edgelet.api import kinds  # noqa: PLC0415  pydantic, see _receiver
    from edgelet.api.errors import EdgeletError  # noqa: PLC0415
    from edgelet.intake import admit  # noqa: PLC0415

    kind = kinds.of_kind(manifest.resource.kind)
    if kind is None:
        raise AssertionError(manifest.resource.kind)
    try:
        admit.admit(json.loads(json.dumps(manifest.document)), kind, house=admit.House(node_name=""))
    except EdgeletError as error:
        raise CliError(f"{manifest.source}: {error.message}") from error
