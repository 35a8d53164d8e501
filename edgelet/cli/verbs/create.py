"""`create`: new objects from files, or a namespace by name."""

from __future__ import annotations

import sys
from typing import Any

from edgelet.cli import dry_run, output
from edgelet.cli.failure import CliError, ServerError, UsageError
from edgelet.cli.flags import Flag
from edgelet.cli.resources import NAMESPACES, Resource
from edgelet.cli.verb import FILES, NAMESPACE, Call, Verb

VERB = Verb(
    usage="create (-f FILE|DIRECTORY|- | namespace NAME) [OPTIONS]",
    about="Create objects from files, or a namespace by name. What exists already is an error.",
    examples="""
edgelet create namespace shop
edgelet create -f web.yaml""",
    flags=(
        *FILES,
        NAMESPACE,
        Flag("output", "json, yaml, name, jsonpath=...", short="o", value="FORMAT"),
        *dry_run.FLAGS,
    ),
)
NAMESPACE_WORDS = 2  # namespace NAME


def run(call: Call) -> int:
    """Create everything; 1 if anything was refused."""
    plan = dry_run.plan(call)
    if call.arguments:
        if call.arguments[0] not in {"namespace", "ns"}:
            raise UsageError(f'cannot create a "{call.arguments[0]}" by name: write it down and use -f')
        if len(call.arguments) != NAMESPACE_WORDS:
            raise UsageError(f"exactly one NAME is required, got {len(call.arguments) - 1}")
        document = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": call.arguments[1]}}
        _create(call, NAMESPACES, document, plan)
        return 0
    return _from_files(call, plan)


def _from_files(call: Call, plan: dry_run.Plan) -> int:
    from edgelet.cli import manifests  # noqa: PLC0415  YAML, for files alone

    code = 0
    for manifest in manifests.read(call):
        try:
            if isinstance(manifest, CliError):
                raise manifest
            _create(call, manifest.resource, manifest.document, plan)
        except CliError as error:
            code = 1
            sys.stdout.flush()
            told = str(error)
            if isinstance(error, ServerError) and error.reason != "Invalid" and not isinstance(manifest, CliError):
                told = f'Error from server ({error.reason}): error when creating "{manifest.source}": {error.message}'
            print(told, file=sys.stderr)
    return code


def _create(call: Call, resource: Resource, document: dict[str, Any], plan: dry_run.Plan) -> None:
    form = output.parse(call.parsed.text("output"))
    made = document if plan.local else call.agent().create(resource, document, plan.query)
    label = f"{resource.qualified}/{document['metadata']['name']}"
    if form.form:
        print(output.render(form, made, names=(label,)), end="")
    else:
        print(f"{label} created{plan.suffix}")
