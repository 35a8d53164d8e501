"""Under which names pods are found. Pure.

Source: Kubernetes DNS specification (pod records, records of a headless service's endpoints); the short ones are those
that Podman's users know.
"""

from __future__ import annotations

import ipaddress
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from ipaddress import IPv4Address

from edgelet.api import names
from edgelet.ports.name_server import NameEntry
from edgelet.ports.object_store import Document

_DEFAULT = "default"
_RESERVED = frozenset({"pod", "svc"})  # as namespaces: what is below them in the cluster domain has a meaning
_FINAL = frozenset({"Succeeded", "Failed"})


@dataclass(frozen=True, slots=True, order=True)
class NamedPod:
    """What names are made of. `hostname` and `subdomain` are those that the manifest asks for, "" where it does not."""

    namespace: str
    name: str
    address: IPv4Address
    hostname: str = ""
    subdomain: str = ""


def named(pod: Document) -> NamedPod | None:
    """Return what is said of a pod; None as long as it has no IPv4 address of its own, and when it is at its end."""
    metadata, spec, status = pod["metadata"], pod.get("spec") or {}, pod.get("status") or {}
    if spec.get("hostNetwork") or status.get("phase") in _FINAL:
        return None
    try:
        address = IPv4Address(status.get("podIP") or "")
    except ipaddress.AddressValueError:
        return None
    host, domain = spec.get("hostname") or "", spec.get("subdomain") or ""
    if spec.get("hostnameOverride") is not None or any(names.dns_label(each) for each in (host, domain)):
        host = domain = ""
    return NamedPod(metadata["namespace"], metadata["name"], address, host, domain)


def expected(pod: Document) -> bool:
    """Whether a pod may yet be told to have an address of its own."""
    spec, status = pod.get("spec") or {}, pod.get("status") or {}
    return not (spec.get("hostNetwork") or status.get("phase") in _FINAL or status.get("podIP"))


def entries(pods: Iterable[NamedPod]) -> tuple[NameEntry, ...]:
    """Return the names of each pod, the same for the same pods in any order.

    - `<a-b-c-d>.<namespace>.pod`, and `<hostname>.<subdomain>.<namespace>.svc` where the manifest has both.
    - `<pod>.<namespace>`.
    - `<pod>` alone, if it has no dot: the one in the namespace default wins; else it must be the only one so called.
    """
    ordered = sorted(pods)
    called = Counter(each.name for each in ordered)
    at_default = {each.name for each in ordered if each.namespace == _DEFAULT}
    return tuple(
        NameEntry(each.address, tuple(_names(each, alone=_alone(each, called, at_default)))) for each in ordered
    )


def _alone(pod: NamedPod, called: Counter[str], at_default: set[str]) -> bool:
    if "." in pod.name:  # a pod called example.com must not become that
        return False
    return pod.namespace == _DEFAULT if pod.name in at_default else called[pod.name] == 1


def _names(pod: NamedPod, *, alone: bool) -> Iterable[str]:
    yield f"{str(pod.address).replace('.', '-')}.{pod.namespace}.pod"
    if pod.hostname and pod.subdomain:
        yield f"{pod.hostname}.{pod.subdomain}.{pod.namespace}.svc"
    if pod.namespace not in _RESERVED:
        yield f"{pod.name}.{pod.namespace}"
    if alone:
        yield pod.name
