"""`top`: use of CPU and memory."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from typing import Any

from edgelet.cli import amounts, resources, tabwriter
from edgelet.cli.agent_api import AgentApi
from edgelet.cli.failure import CliError, ServerError, UsageError
from edgelet.cli.flags import Flag
from edgelet.cli.resources import NODES, PODS
from edgelet.cli.verb import ALL_NAMESPACES, NAMESPACE, SELECTOR, Call, Verb

Document = Mapping[str, Any]

METRICS = "/apis/metrics.k8s.io/v1beta1"

VERB = Verb(
    usage="top (pods | nodes) [NAME] [OPTIONS]",
    about="Show how much CPU and memory pods or the node use now.",
    examples="""
edgelet top pods
edgelet top pods -A --containers
edgelet top pods --sort-by=memory
edgelet top nodes""",
    flags=(
        NAMESPACE,
        ALL_NAMESPACES,
        SELECTOR,
        Flag("containers", "One line for each container."),
        Flag("sort-by", "cpu or memory", value="FIELD"),
        Flag("no-headers", "Leave out the line of headers."),
    ),
)
TYPE_AND_NAME = 2


def run(call: Call) -> int:
    """Print the table."""
    if not 1 <= len(call.arguments) <= TYPE_AND_NAME:
        raise UsageError("say of what: top pods, or top nodes; one NAME may follow")
    if call.parsed.text("sort-by") not in {"", "cpu", "memory"}:
        raise UsageError("--sort-by accepts only cpu or memory")
    resource = resources.named(call.arguments[0])
    name = call.arguments[1] if len(call.arguments) > 1 else ""
    if resource == NODES:
        rows = _nodes(call, call.agent(), name)
    elif resource == PODS:
        rows = _pods(call, call.agent(), name)
    else:
        raise UsageError(f"there is no use of {resource.plural} to show: pods or nodes")
    if len(rows) == 1 and resource == PODS:
        where = "" if call.parsed.switch("all-namespaces") else f" in {call.namespace} namespace."
        print(f"No resources found{where}", file=sys.stderr)
        return 0
    text, _ = tabwriter.table(rows[1:] if call.parsed.switch("no-headers") else rows)
    print(text, end="")
    return 0


def _metrics(call: Call, agent: AgentApi, path: str, name: str) -> list[Document]:
    query = {"labelSelector": call.parsed.text("selector")} if call.parsed.text("selector") else {}
    try:
        found = agent.read(path, query)
    except ServerError as error:
        if error.http_status == 503:  # noqa: PLR2004  no sample yet
            raise CliError("metrics not available yet") from error
        raise
    return [found] if name else list(found.get("items") or [])


def _sorted(call: Call, items: list[Document], used: Mapping[int, tuple[float, float]]) -> list[Document]:
    position = {"cpu": 0, "memory": 1}.get(call.parsed.text("sort-by"))
    if position is None:
        return sorted(items, key=lambda item: (item["metadata"].get("namespace", ""), item["metadata"]["name"]))
    return sorted(items, key=lambda item: -used[id(item)][position])


def _pods(call: Call, agent: AgentApi, name: str) -> list[Sequence[str]]:
    everywhere = call.parsed.switch("all-namespaces") and not name
    path = METRICS + ("/pods" if everywhere else PODS.path(call.namespace, name).removeprefix("/api/v1"))
    items = _metrics(call, agent, path, name)
    used = {id(item): _sum(one["usage"] for one in item.get("containers") or []) for item in items}
    lead = ("NAMESPACE",) if everywhere else ()
    by_container = call.parsed.switch("containers")
    header = (*lead, *(("POD", "NAME") if by_container else ("NAME",)), "CPU(cores)", "MEMORY(bytes)")
    rows: list[Sequence[str]] = [header]
    for item in _sorted(call, items, used):
        metadata = item["metadata"]
        where = (str(metadata.get("namespace", "")),) if everywhere else ()
        if by_container:
            rows += [
                (*where, str(metadata["name"]), str(one["name"]), *_shown(_sum([one["usage"]])))
                for one in item.get("containers") or []
            ]
        else:
            rows.append((*where, str(metadata["name"]), *_shown(used[id(item)])))
    return rows


def _nodes(call: Call, agent: AgentApi, name: str) -> list[Sequence[str]]:
    items = _metrics(call, agent, METRICS + NODES.path("", name).removeprefix("/api/v1"), name)
    nodes = {str(one["metadata"]["name"]): one for one in agent.list(NODES, "")["items"]}
    used = {id(item): _sum([item["usage"]]) for item in items}
    rows: list[Sequence[str]] = [("NAME", "CPU(cores)", "CPU(%)", "MEMORY(bytes)", "MEMORY(%)")]
    for item in _sorted(call, items, used):
        node = str(item["metadata"]["name"])
        allocatable = (nodes.get(node, {}).get("status") or {}).get("allocatable") or {}
        cpu, memory = used[id(item)]
        shown_cpu, shown_memory = _shown((cpu, memory))
        rows.append(
            (
                node,
                shown_cpu,
                _share(cpu, allocatable.get("cpu")),
                shown_memory,
                _share(memory, allocatable.get("memory")),
            )
        )
    return rows


def _sum(usages: Any) -> tuple[float, float]:
    cpu = memory = 0.0
    for usage in usages:
        cpu += amounts.parse(usage.get("cpu", "0"))
        memory += amounts.parse(usage.get("memory", "0"))
    return cpu, memory


def _shown(used: tuple[float, float]) -> tuple[str, str]:
    cpu, memory = used
    return f"{amounts.ceil(cpu * 1000)}m", f"{int(memory) // 2**20}Mi"


def _share(used: float, allocatable: Any) -> str:
    whole = amounts.parse(allocatable) if allocatable else 0.0
    return f"{int(used * 100 / whole)}%" if whole else "<unknown>"
