"""Fields of a pod as text: fieldRef and resourceFieldRef, for environment variables and downwardAPI volumes.

Source: Kubernetes pkg/fieldpath/fieldpath.go, pkg/kubelet/kubelet_resources.go, pkg/api/v1/resource/helpers.go.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from edgelet.api.container import Container
from edgelet.api.environment import ResourceFieldSelector
from edgelet.api.pod import Pod
from edgelet.api.quantity import Quantity
from edgelet.pods import references
from edgelet.pods.node_facts import NodeFacts

_SUBSCRIPT = re.compile(r"metadata\.(labels|annotations)\['(.*)'\]", re.DOTALL)
_ESCAPES = {"\a": r"\a", "\b": r"\b", "\f": r"\f", "\n": r"\n", "\r": r"\r", "\t": r"\t", "\v": r"\v"} | {
    "\\": r"\\",
    '"': r"\"",
}
_ASCII_END, _PLANE_END = 0x80, 0x10000
_DIVISIBLE = ("cpu", "memory", "ephemeral-storage")


def metadata_field(pod: Pod, path: str) -> str:
    """Return a field of the metadata; whole maps as sorted lines `key="value"`.

    Raises:
        ValueError: Not one of the fields that volumes and variables share.
    """
    meta = pod.metadata
    maps = {"labels": meta.labels, "annotations": meta.annotations}
    if match := _SUBSCRIPT.fullmatch(path):
        return maps[match[1]].get(match[2], "")
    simple = {"metadata.name": meta.name, "metadata.namespace": meta.namespace, "metadata.uid": meta.uid}
    if path in simple:
        return simple[path]
    if path in {"metadata.labels", "metadata.annotations"}:
        return lines(maps[path.rpartition(".")[2]])
    raise ValueError(f"unsupported fieldPath: {path}")


def runtime_field(pod: Pod, path: str, *, pod_ips: tuple[str, ...], node: NodeFacts) -> str:
    """Return a field for an environment variable: also those known only when the container starts.

    Raises:
        ValueError: Not a field that Kubernetes offers.
    """
    known = {
        "spec.nodeName": pod.spec.node_name or node.name,
        "spec.serviceAccountName": pod.spec.service_account_name or "",
        "status.hostIP": node.host_ips[0] if node.host_ips else "",
        "status.hostIPs": ",".join(node.host_ips),
        "status.podIP": pod_ips[0] if pod_ips else "",
        "status.podIPs": ",".join(pod_ips),
    }
    return known[path] if path in known else metadata_field(pod, path)


def resource_field(selector: ResourceFieldSelector, pod: Pod, container: Container | None, node: NodeFacts) -> str:
    """Return a request or limit, divided and rounded up.

    Args:
        selector: What is asked; names a container or means `container`.
        pod: Where named containers are looked up, and whose own limits stand in for missing ones.
        container: The container that asks; None in a volume, which must name one.
        node: Its allocatable amounts stand in where neither container nor pod has a limit.

    Raises:
        ValueError: No such container or resource.
    """
    if selector.container_name:
        container = next((one for one in references.containers(pod) if one.name == selector.container_name), None)
    if container is None:
        raise ValueError(f"container {selector.container_name or ''} not found")
    side, _, name = selector.resource.partition(".")
    if side not in {"limits", "requests"} or not (name in _DIVISIBLE or name.startswith("hugepages-")):
        raise ValueError(f"unsupported container resource : {selector.resource}")
    amount = container.resources.requests.get(name) if side == "requests" else _limit(pod, container, name, node)
    return _divided(amount or Quantity(0), selector.divisor or Quantity.parse("1"), milli=name == "cpu")


def lines(values: Mapping[str, str]) -> str:
    """Return key="value" lines, sorted by key, quoted as Go does, without a final newline."""
    return "\n".join(f"{key}={quoted(value)}" for key, value in sorted(values.items()))


def quoted(text: str) -> str:
    """Return the text as a Go string literal (strconv.Quote)."""
    return '"' + "".join(map(_escaped, text)) + '"'


def _escaped(character: str) -> str:
    if character in _ESCAPES:
        return _ESCAPES[character]
    if character.isprintable():
        return character
    code = ord(character)
    if code < _ASCII_END:
        return f"\\x{code:02x}"
    return f"\\u{code:04x}" if code < _PLANE_END else f"\\U{code:08x}"


def _limit(pod: Pod, container: Container, name: str, node: NodeFacts) -> Quantity | None:
    own = container.resources.limits.get(name)
    if own or name not in _DIVISIBLE:
        return own
    whole = pod.spec.resources.limits.get(name) if pod.spec.resources else None
    allocatable = {
        "cpu": Quantity.of_milli(node.cpu_allocatable_milli),
        "memory": Quantity.of_bytes(node.memory_allocatable_bytes),
        "ephemeral-storage": Quantity.of_bytes(node.ephemeral_storage_allocatable_bytes),
    }
    return whole or allocatable[name]


def _divided(amount: Quantity, divisor: Quantity, *, milli: bool) -> str:
    if not divisor:
        divisor = Quantity.parse("1")
    over, under = (amount.to_milli(), divisor.to_milli()) if milli else (amount.to_units(), divisor.to_units())
    return str(-(-over // under))
