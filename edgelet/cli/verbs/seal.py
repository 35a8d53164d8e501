"""`seal`: Secrets that one node alone can open."""

from __future__ import annotations

import sys
from typing import Any

from edgelet.cli import manifests, output, sealing
from edgelet.cli.failure import CliError, UsageError
from edgelet.cli.flags import Flag
from edgelet.cli.sealing import Receiver
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
        sealing.NODE_KEY,
        Flag("output", "json or yaml.", short="o", value="FORMAT", default="yaml"),
    ),
)


def run(call: Call) -> int:
    """Print everything sealed; 1 if anything could not be."""
    call.no_arguments()
    form = output.parse(call.parsed.text("output"))
    if form.form not in {"json", "yaml"}:
        raise UsageError("-o takes json or yaml")
    receiver = _receiver(call)
    code = 0
    found: list[dict[str, Any]] = []
    for manifest in manifests.read(call):
        try:
            if isinstance(manifest, CliError):
                raise manifest
            found.append(sealing.sealed(manifest, receiver))
        except CliError as error:
            code = 1
            print(error, file=sys.stderr)
    if found:
        whole = found[0] if len(found) == 1 else output.as_list(found)
        print(output.render(form, whole, names=()), end="")
    return code


def _receiver(call: Call) -> Receiver:
    """The node and its public key, from the flags or from the agent of this board."""
    node, given = call.parsed.text("node"), call.parsed.text("node-key")
    if bool(node) != bool(given):
        raise UsageError("--node and --node-key go together: a seal is for one node under its key")
    if not node:
        told = call.agent().read("/edgelet/v1/secrets")
        node, given = str(told.get("node", "")), sealing.public_key(told)
    return sealing.receiver(node, given)
