"""`get`: objects as a table, JSON, YAML, or parts of them; once, or as they change."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from edgelet.cli import output, selection
from edgelet.cli.agent_api import AgentApi
from edgelet.cli.failure import CliError, ServerError, UsageError
from edgelet.cli.flags import Flag
from edgelet.cli.output import Output
from edgelet.cli.resources import Resource
from edgelet.cli.selection import Target
from edgelet.cli.server import Server, reach
from edgelet.cli.table import Style, Table
from edgelet.cli.verb import ALL_NAMESPACES, FIELD_SELECTOR, NAMESPACE, OVER_MQTT, SELECTOR, Call, Verb

Document = dict[str, Any]

VERB = Verb(
    usage="get (TYPE[,TYPE] [NAME...] | TYPE/NAME ...) [OPTIONS]",
    about="Show objects: pods (po), nodes (no), events (ev), configmaps (cm), secrets, namespaces (ns), all.",
    examples="""
edgelet get pods
edgelet get pods -A -o wide
edgelet get pod web -o yaml
edgelet get pods -l app=web -w
edgelet get pods --field-selector status.phase=Running
edgelet get pod web -o jsonpath='{.status.podIP}'
edgelet get pods -o custom-columns=NAME:.metadata.name,IP:.status.podIP
edgelet get events --sort-by=.lastTimestamp
edgelet get pods --node default/pi-01 --broker mqtts://broker:8883 --ca ca.pem --cert me.pem --key me.key""",
    flags=(
        NAMESPACE,
        ALL_NAMESPACES,
        SELECTOR,
        FIELD_SELECTOR,
        Flag("output", "wide, json, yaml, name, jsonpath=..., custom-columns=...", short="o", value="FORMAT"),
        Flag("watch", "Then go on and show every change.", short="w"),
        Flag("watch-only", "Show changes alone."),
        Flag("no-headers", "Leave out the line of headers."),
        Flag("sort-by", "Sort by a field: .metadata.creationTimestamp", value="JSONPATH"),
        Flag("show-labels", "Labels as the last column."),
        Flag("label-columns", "Labels as columns of their own.", short="L", value="LABEL", repeated=True),
        Flag("show-kind", "Names with their type: pod/web."),
        Flag("ignore-not-found", "Absent objects are no error."),
        *OVER_MQTT,
    ),
)


@dataclass(frozen=True, slots=True)
class _Found:
    """Objects of one type. `version` is where a watch may begin."""

    resource: Resource
    items: list[Document]
    version: str = ""


def run(call: Call) -> int:
    """Show what was asked for; 1 if some of it is not there."""
    form = output.parse(call.parsed.text("output"))
    targets = selection.parse(call.arguments, verb="get")
    _judge(call, targets)
    if call.parsed.switch("watch") or call.parsed.switch("watch-only"):
        return _watch(call, targets, form)
    server = reach(call)
    faults: list[CliError] = []
    found = _collect(call, server, targets, faults)
    _sort(call, found)
    if form.is_table:
        _print_tables(call, form, found, quiet=bool(faults))
    else:
        _print_whole(form, targets, found, headers=not call.parsed.switch("no-headers"), failed=bool(faults))
    sys.stdout.flush()
    for fault in faults:
        print(fault, file=sys.stderr)
    return 1 if faults else 0


def _judge(call: Call, targets: Sequence[Target]) -> None:
    named = any(target.name for target in targets)
    if named and (call.parsed.text("selector") or call.parsed.text("field-selector")):
        raise CliError("name cannot be provided when a selector is specified")
    if named and call.parsed.switch("all-namespaces") and any(target.resource.namespaced for target in targets):
        raise CliError("a resource cannot be retrieved by name across all namespaces")


def _query(call: Call) -> dict[str, str]:
    query = {"labelSelector": call.parsed.text("selector"), "fieldSelector": call.parsed.text("field-selector")}
    return {key: value for key, value in query.items() if value}


def _namespace(call: Call, resource: Resource) -> str:
    """Empty for all, and for types that have none."""
    return call.namespace if resource.namespaced and not call.parsed.switch("all-namespaces") else ""


def _collect(call: Call, server: Server, targets: Sequence[Target], faults: list[CliError]) -> list[_Found]:
    found: dict[Resource, _Found] = {}
    everything = is_all(call.arguments)
    for target in targets:
        resource, namespace = target.resource, _namespace(call, target.resource)
        here = found.setdefault(resource, _Found(resource, []))
        try:
            if target.name:
                here.items.append(server.get(resource, namespace, target.name))
            else:
                listed = server.list(resource, namespace, _query(call))
                version = str((listed.get("metadata") or {}).get("resourceVersion") or "")
                found[resource] = _Found(resource, listed["items"], version)
        except ServerError as error:
            if error.not_found and (call.parsed.switch("ignore-not-found") or (everything and not target.name)):
                continue
            faults.append(_missing_type(resource, error) if error.not_found and not target.name else error)
    return list(found.values())


def is_all(arguments: Sequence[str]) -> bool:
    """Whether `all` stands for the types: what there is of them is shown, the others are not missed."""
    return any("all" in argument.split(",") for argument in arguments)


def _missing_type(resource: Resource, error: ServerError) -> CliError:
    return (
        CliError(f'the server doesn\'t have a resource type "{resource.plural}"')
        if not (error.status.get("details") or {}).get("name")
        else error
    )


def _sort(call: Call, found: Sequence[_Found]) -> None:
    if not (expression := call.parsed.text("sort-by")):
        return
    from edgelet.cli import jsonpath  # noqa: PLC0415  for this flag alone
    from edgelet.cli.jsonpath_syntax import JsonPathError  # noqa: PLC0415  for this flag alone

    def key(item: Document) -> tuple[bool, bool, Any]:
        values = jsonpath.values(expression, item)
        first = values[0] if values else ""
        number = isinstance(first, int | float)
        return (bool(values), number, first if number else jsonpath.text_of(first))

    try:
        for one in found:
            one.items.sort(key=key)
    except JsonPathError as error:
        raise CliError(f"{expression}: {error}") from error


def _style(call: Call, form: Output, *, several: bool) -> Style:
    return Style(
        wide=form.form == "wide",
        headers=not call.parsed.switch("no-headers"),
        with_namespace=call.parsed.switch("all-namespaces"),
        with_kind=several or call.parsed.switch("show-kind"),
        show_labels=call.parsed.switch("show-labels"),
        label_columns=call.parsed.texts("label-columns"),
    )


def _table(call: Call, form: Output, resource: Resource, *, several: bool) -> Table:
    style = _style(call, form, several=several)
    if not resource.namespaced:
        style = Style(**{name: getattr(style, name) for name in Style.__slots__} | {"with_namespace": False})
    return Table(resource, style)


def _print_tables(call: Call, form: Output, found: Sequence[_Found], *, quiet: bool) -> None:
    now = datetime.now(UTC)
    filled = [one for one in found if one.items]
    several = len(found) > 1 or is_all(call.arguments)
    texts = [_table(call, form, one.resource, several=several).text(one.items, now=now) for one in filled]
    print("\n".join(texts), end="")
    if not filled and not quiet and not call.parsed.switch("ignore-not-found"):
        everywhere = call.parsed.switch("all-namespaces") or not any(one.resource.namespaced for one in found)
        where = "" if everywhere else f" in {call.namespace} namespace"
        print(f"No resources found{where}{'.' if where else ''}", file=sys.stderr)


def _print_whole(
    form: Output, targets: Sequence[Target], found: Sequence[_Found], *, headers: bool, failed: bool
) -> None:
    items = [item for one in found for item in one.items]
    if not items and (failed or any(target.name for target in targets)):
        return
    names = [_name(one.resource, item) for one in found for item in one.items]
    single = len(targets) == 1 and bool(targets[0].name)
    print(output.render(form, items[0] if single else output.as_list(items), names=names, headers=headers), end="")


def _name(resource: Resource, item: Document) -> str:
    return f"{resource.qualified}/{item['metadata']['name']}"


def _watch(call: Call, targets: Sequence[Target], form: Output) -> int:
    if call.parsed.text("node"):
        raise CliError("--watch cannot be used over MQTT: only what the node last reported can be read")
    if len({target.resource for target in targets}) > 1 or len(targets) > 1:
        raise UsageError("you may only specify a single resource type")
    agent = call.agent()
    resource, name = targets[0].resource, targets[0].name
    table = _table(call, form, resource, several=False)
    query = _query(call) | ({"fieldSelector": f"metadata.name={name}"} if name else {})
    namespace = _namespace(call, resource)
    if name:
        agent.get(resource, namespace, name)  # an object that is not there is an error, also for a watch
    listed = agent.list(resource, namespace, query)
    if not call.parsed.switch("watch-only"):
        _show(form, table, listed["items"])
    version = str((listed.get("metadata") or {}).get("resourceVersion") or "")
    query |= {"resourceVersion": version} if version else {}
    for item in _changes(agent, resource, namespace, query):
        _show(form, table, [item])
    return 0


def _changes(agent: AgentApi, resource: Resource, namespace: str, query: dict[str, str]) -> Iterator[Document]:
    for event in agent.watch(resource, namespace, query):
        if event.get("type") in {"ADDED", "MODIFIED", "DELETED"}:
            yield {**event["object"], "apiVersion": resource.api_version, "kind": resource.kind}


def _show(form: Output, table: Table, items: Sequence[Document]) -> None:
    if form.is_table:
        print(table.text(items, now=datetime.now(UTC)) if items else "", end="", flush=True)
        return
    for item in items:
        print(output.render(form, item, names=[_name(table.resource, item)]), end="", flush=True)
