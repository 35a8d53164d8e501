"""`describe`: an object in full, with its events."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from edgelet.cli import selection
from edgelet.cli.agent_api import AgentApi
from edgelet.cli.describe import events, node, plain, pod
from edgelet.cli.describe.prose import Prose
from edgelet.cli.failure import CliError, ServerError
from edgelet.cli.flags import Flag
from edgelet.cli.resources import EVENTS, PODS, Resource
from edgelet.cli.verb import ALL_NAMESPACES, NAMESPACE, SELECTOR, Call, Verb

VERB = Verb(
    usage="describe (TYPE [NAME_PREFIX | NAME...] | TYPE/NAME) [OPTIONS]",
    about="Show objects in full, with their events.",
    examples="""
edgelet describe pod web
edgelet describe pods -l app=web
edgelet describe node
edgelet describe pod web --show-events=false""",
    flags=(
        NAMESPACE,
        ALL_NAMESPACES,
        SELECTOR,
        Flag("show-events", "The events of the object, too.", value="BOOL", default="true", implied="true"),
    ),
)


def run(call: Call) -> int:
    """Describe each object; 1 if any is not there."""
    agent = call.agent()
    faults: list[CliError] = []
    found: list[tuple[Resource, Mapping[str, Any]]] = []
    for target in selection.parse(call.arguments, verb="describe"):
        try:
            found += [(target.resource, one) for one in _objects(call, agent, target)]
        except ServerError as error:
            faults.append(error)
    texts = [_text(call, agent, resource, one) for resource, one in found]
    print("\n\n".join(texts), end="")
    sys.stdout.flush()
    for fault in faults:
        print(fault, file=sys.stderr)
    if not found and not faults:
        where = "" if call.parsed.switch("all-namespaces") else f" in {call.namespace} namespace."
        print(f"No resources found{where}", file=sys.stderr)
    return 1 if faults else 0


def _objects(call: Call, agent: AgentApi, target: selection.Target) -> list[Mapping[str, Any]]:
    """One object, all of a type, or those whose names begin so."""
    resource = target.resource
    namespace = call.namespace if resource.namespaced and not call.parsed.switch("all-namespaces") else ""
    selector = call.parsed.text("selector")
    if target.name:
        try:
            return [agent.get(resource, namespace, target.name)]
        except ServerError as error:
            if not error.not_found:
                raise
            items = agent.list(resource, namespace)["items"]
            alike = [one for one in items if str(one["metadata"]["name"]).startswith(target.name)]
            if not alike:
                raise
            return alike
    return list(agent.list(resource, namespace, {"labelSelector": selector} if selector else {})["items"])


def _text(call: Call, agent: AgentApi, resource: Resource, document: Mapping[str, Any]) -> str:
    now = datetime.now(UTC)
    prose = Prose()
    with_events = call.parsed.switch("show-events")
    match resource.kind:
        case "Pod":
            pod.write(prose, document, now=now)
        case "Node":
            node.write(prose, document, pods=agent.list(PODS, "")["items"])
        case "ConfigMap":
            plain.config_map(prose, document)
        case "Secret":
            plain.secret(prose, document)
            with_events = False
        case "Namespace":
            plain.namespace(prose, document)
            with_events = False
        case _:
            plain.anything(prose, document)
    text = prose.text()
    return text + events.text(_events(agent, resource, document), now=now) if with_events else text


def _events(agent: AgentApi, resource: Resource, document: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    metadata = document["metadata"]
    fields = {"name": metadata["name"], "kind": resource.kind}
    if resource.namespaced and metadata.get("uid"):
        fields["uid"] = metadata["uid"]
    selector = ",".join(f"involvedObject.{name}={value}" for name, value in fields.items())
    namespace = str(metadata.get("namespace") or "") if resource.namespaced else ""
    return list(agent.list(EVENTS, namespace, {"fieldSelector": selector})["items"])
