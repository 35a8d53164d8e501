"""`apply`: objects become what the files say."""

from __future__ import annotations

import sys
from typing import Any

from edgelet.cli import dry_run, manifests, output
from edgelet.cli.failure import CliError, ServerError
from edgelet.cli.flags import Flag
from edgelet.cli.manifests import Manifest
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
edgelet apply -f shop/ --node default/pi-01 --broker mqtts://broker --sign release.key""",
    flags=(
        *FILES,
        NAMESPACE,
        Flag("output", "json, yaml, name, jsonpath=...", short="o", value="FORMAT"),
        *dry_run.FLAGS,
        Flag("server-side", "Taken for kubectl's sake: edgelet always applies on the agent's side."),
        Flag("force-conflicts", "Taken for kubectl's sake."),
        Flag("field-manager", "Taken for kubectl's sake.", value="NAME", default=FIELD_MANAGER),
        *OVER_MQTT,
        *SIGNING,
    ),
)


def run(call: Call) -> int:
    """Apply everything; 1 if anything was refused."""
    call.no_arguments()
    form = output.parse(call.parsed.text("output"))
    plan = dry_run.plan(call)
    server = reach(call)
    code = 0
    applied: list[tuple[str, dict[str, Any]]] = []
    for manifest in manifests.read(call):
        try:
            if isinstance(manifest, CliError):
                raise manifest
            done = _apply(server, manifest, plan)
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
