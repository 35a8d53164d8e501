"""`patch`: parts of an object, changed."""

from __future__ import annotations

import json
from pathlib import Path

from edgelet.api.errors import EdgeletError
from edgelet.cli import dry_run, output, selection
from edgelet.cli.agent_api import PATCHES, Document
from edgelet.cli.failure import CliError, UsageError
from edgelet.cli.flags import Flag
from edgelet.cli.verb import NAMESPACE, Call, Verb
from edgelet.intake import decode

MAXIMUM_PATCH_BYTES = 1024 * 1024
SUBRESOURCES = ("status", "resize", "ephemeralcontainers", "scale")

VERB = Verb(
    usage="patch (TYPE NAME | TYPE/NAME) -p PATCH [OPTIONS]",
    about="Change parts of an object: strategic merge (the default), JSON merge (RFC 7396) or JSON patch (RFC 6902).",
    examples="""
edgelet patch pod web --type merge -p '{"metadata":{"labels":{"tier":"front"}}}'
edgelet patch pod web -p '{"spec":{"containers":[{"name":"web","image":"nginx:1.27"}]}}'
edgelet patch pod web --type json -p '[{"op":"remove","path":"/metadata/labels/tier"}]'
edgelet patch pod web --subresource status --type merge --patch-file status.yaml""",
    flags=(
        NAMESPACE,
        Flag("patch", "The patch, JSON or YAML.", short="p", value="PATCH"),
        Flag("patch-file", "A file that holds the patch.", value="FILE"),
        Flag("type", "strategic, merge or json", value="TYPE", default="strategic"),
        Flag("subresource", f"Part of the object: {', '.join(SUBRESOURCES)}", value="NAME"),
        Flag("output", "json, yaml, name, jsonpath=...", short="o", value="FORMAT"),
        dry_run.DRY_RUN,
    ),
)


def run(call: Call) -> int:
    """Patch each object named."""
    form = output.parse(call.parsed.text("output"))
    plan = dry_run.plan(call)
    kind, subresource = call.parsed.text("type"), call.parsed.text("subresource")
    if kind not in PATCHES:
        raise UsageError(f'--type must be one of [json merge strategic], not "{kind}"')
    if subresource and subresource not in SUBRESOURCES:
        raise UsageError(f"invalid subresource value: {subresource!r}. Must be one of {', '.join(SUBRESOURCES)}")
    body = _body(call)
    agent = call.agent()
    for target in selection.parse(call.arguments, verb="patch"):
        if not target.name:
            raise CliError("resource name may not be empty: patch TYPE NAME")
        namespace = call.namespace if target.resource.namespaced else ""
        before = agent.get(target.resource, namespace, target.name)
        path = target.resource.path(namespace, target.name, subresource)
        after = before if plan.local else agent.patch(path, body, kind=kind, query=plan.query)
        label = f"{target.resource.qualified}/{target.name}"
        if form.form:
            print(output.render(form, after, names=(label,)), end="")
        else:
            same = not plan.suffix and _version(before) == _version(after)
            print(f"{label} patched{' (no change)' if same else ''}{plan.suffix}")
    return 0


def _body(call: Call) -> bytes:
    """The patch as JSON."""
    text, file = call.parsed.text("patch"), call.parsed.text("patch-file")
    if bool(text) == bool(file):
        raise UsageError("must specify exactly one of -p or --patch-file")
    if file:
        try:
            text = Path(file).read_text(encoding="utf-8")
        except OSError as error:
            raise CliError(f"unable to read patch file {file}: {error.strerror}") from error
        except UnicodeDecodeError as error:
            raise CliError(f"unable to read patch file {file}: it is no UTF-8") from error
    try:
        return json.dumps(decode.value(text.encode(), limit_bytes=MAXIMUM_PATCH_BYTES)).encode()
    except EdgeletError as error:
        raise CliError(f"unable to parse {text[:200]!r}: {error.message}") from error


def _version(document: Document) -> object:
    return (document.get("metadata") or {}).get("resourceVersion")
