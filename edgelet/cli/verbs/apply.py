"""`apply`: objects become what the files say."""

from __future__ import annotations

import sys
from dataclasses import dataclass, replace
from typing import Any

from edgelet.cli import dry_run, manifests, output, sealing
from edgelet.cli.failure import CliError, ServerError, UsageError
from edgelet.cli.flags import Flag
from edgelet.cli.manifests import Manifest
from edgelet.cli.sealing import Receiver
from edgelet.cli.server import Applied, Server, reach
from edgelet.cli.verb import FILES, NAMESPACE, OVER_MQTT, SIGNING, Call, Verb

FIELD_MANAGER = "edgelet"

VERB = Verb(
    usage="apply -f FILE|DIRECTORY|- [OPTIONS]",
    about="Create or change objects to what files say. An object that is refused does not stop the others.",
    examples="""
edgelet apply -f web.yaml
edgelet apply -f manifests/ -R
cat web.yaml | edgelet apply -f - -n shop
edgelet apply -f web.yaml --dry-run=server --validate=strict
edgelet apply -f web.yaml --node default/pi-01 --broker mqtt://broker
edgelet apply -f shop/ --node default/pi-01 --broker mqtts://broker --sign release.key
edgelet apply -f shop/ --node default/pi-01 --broker mqtts://broker --sign release.key --node-key pi-01.key""",
    flags=(
        *FILES,
        NAMESPACE,
        Flag("output", "json, yaml, name, jsonpath=...", short="o", value="FORMAT"),
        *dry_run.FLAGS,
        Flag("server-side", "Taken for kubectl's sake: edgelet always applies on the agent's side."),
        Flag("force-conflicts", "Taken for kubectl's sake."),
        Flag("field-manager", "Taken for kubectl's sake.", value="NAME", default=FIELD_MANAGER),
        *OVER_MQTT,
        Flag(
            "node-key",
            "Over MQTT: seal plain Secrets for the node; its public key, base64, or a file that holds it.",
            value="KEY|FILE",
        ),
        *SIGNING,
        Flag("allow-plain-secrets", "Sign plain Secrets, too: for a node with [secrets] allow_plain."),
    ),
)


def run(call: Call) -> int:
    """Apply everything; 1 if anything was refused."""
    call.no_arguments()
    form = output.parse(call.parsed.text("output"))
    plan = dry_run.plan(call)
    secrets = _secrets(call)
    server = reach(call)
    code = 0
    applied: list[tuple[str, dict[str, Any]]] = []
    for manifest in manifests.read(call):
        try:
            if isinstance(manifest, CliError):
                raise manifest
            done = _apply(server, secrets.ready(manifest), plan)
        except CliError as error:
            code = 1
            sys.stdout.flush()
            print(_told(error, manifest), file=sys.stderr)
            continue
        label = f"{manifest.resource.qualified}/{manifest.name}"
        if form.form:
            applied.append((label, done.document))
        else:
            print(f"{label} {done.verdict}{plan.suffix}")
    if code == 0:  # a generation is whole or it is not signed
        server.commit()
    elif call.parsed.given("sign"):
        print("error: nothing was signed, since all of it is one generation", file=sys.stderr)
    if applied:
        whole = applied[0][1] if len(applied) == 1 else output.as_list([document for _, document in applied])
        print(output.render(form, whole, names=[label for label, _ in applied]), end="")
    return code


@dataclass(frozen=True, slots=True)
class _Secrets:
    """What becomes of plain Secrets."""

    to: Receiver | None = None
    refused: bool = False

    def ready(self, manifest: Manifest) -> Manifest:
        """Return what may be sent. Raises CliError."""
        if not sealing.is_plain(manifest):
            return manifest
        if self.to is not None:
            return replace(manifest, document=sealing.sealed(manifest, self.to))
        if self.refused:
            what = f'secret "{manifest.name}" in namespace "{manifest.namespace}" ({manifest.source}) is not sealed'
            raise CliError(
                f"{what}, and a node that requires signatures takes no plain ones: give its public key as --node-key "
                "(`edgelet secrets public-key` on the node), or seal it before with `edgelet seal`; "
                "--allow-plain-secrets is for a node with [secrets] allow_plain"
            )
        return manifest


def _secrets(call: Call) -> _Secrets:
    given, plain = call.parsed.text("node-key"), call.parsed.switch("allow-plain-secrets")
    signs, node = call.parsed.given("sign"), call.parsed.text("node")
    if given and not node:
        raise UsageError("--node-key goes with --node and --broker: what is local need not be sealed")
    if plain and (given or not signs):
        raise UsageError("--allow-plain-secrets goes with --sign and without --node-key")
    return _Secrets(sealing.receiver(node, given) if given else None, refused=signs and not plain)


def _apply(server: Server, manifest: Manifest, plan: dry_run.Plan) -> Applied:
    if plan.local:
        before = server.find(manifest.resource, manifest.namespace, manifest.name)
        return Applied("created" if before is None else "configured", manifest.document)
    return server.apply(
        manifest.resource, manifest.document, {"fieldManager": FIELD_MANAGER, "force": "true", **plan.query}
    )


def _told(error: CliError, manifest: Manifest | CliError) -> str:
    if not isinstance(error, ServerError) or not isinstance(manifest, Manifest) or error.reason == "Invalid":
        return str(error)
    return f'Error from server ({error.reason}): error when applying "{manifest.source}": {error.message}'
