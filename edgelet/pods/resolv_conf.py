"""How a pod resolves names: its policy, the node's own configuration, and what dnsConfig adds.

Source: Kubernetes pkg/kubelet/network/dns/dns.go.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from edgelet.api.pod import Pod, PodDNSConfig, PodDNSConfigOption

_MAX_SERVERS = 3
_MAX_SEARCHES = 32
_MAX_SEARCH_CHARACTERS = 2048
_MAX_DOMAIN_CHARACTERS = 253
_CLUSTER_OPTIONS = ("ndots:5",)


@dataclass(frozen=True, slots=True)
class Resolver:
    """resolv.conf as lists. `warnings`: messages for events DNSConfigForming."""

    servers: tuple[str, ...] = ()
    searches: tuple[str, ...] = ()
    options: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()


def parse(text: str) -> Resolver:
    """Read a resolv.conf: nameservers add up, of search and options the last line counts."""
    servers: list[str] = []
    searches: tuple[str, ...] = ()
    options: tuple[str, ...] = ()
    for line in text.splitlines():
        match line.split():
            case ["nameserver", server, *_]:
                servers.append(server)
            case ["search", *domains]:
                searches = tuple(domain.removesuffix(".") for domain in domains)
            case ["options", *words]:
                options = tuple(words)
            case _:
                pass
    return Resolver(tuple(servers), searches, options)


def uses_node(pod: Pod, *, cluster_dns: tuple[str, ...]) -> bool:
    """Whether the pod's resolver starts from the node's own: policy Default, or nothing better is there."""
    policy = pod.spec.dns_policy or "ClusterFirst"
    if policy == "ClusterFirst":
        return bool(pod.spec.host_network) or not cluster_dns
    return policy == "Default" or (policy == "ClusterFirstWithHostNet" and not cluster_dns)


def lacks_cluster_dns(pod: Pod, *, cluster_dns: tuple[str, ...]) -> bool:
    """Whether the pod asked for cluster DNS and gets the node's: an event MissingClusterDNS tells."""
    policy = pod.spec.dns_policy or "ClusterFirst"
    asked = policy == "ClusterFirstWithHostNet" or (policy == "ClusterFirst" and not pod.spec.host_network)
    return asked and not cluster_dns


def of(pod: Pod, node: Resolver, *, cluster_dns: tuple[str, ...], cluster_domain: str) -> Resolver:
    """Return the pod's resolver.

    Args:
        pod: Policy and dnsConfig.
        node: The node's own configuration.
        cluster_dns: Addresses of the cluster's DNS; empty if there is none.
        cluster_domain: Of the search list's first three entries.
    """
    if pod.spec.dns_policy == "None":
        base = Resolver()
    elif uses_node(pod, cluster_dns=cluster_dns):
        base = node
    else:
        domain = f"svc.{cluster_domain}"
        searches = (f"{pod.metadata.namespace}.{domain}", domain, cluster_domain, *node.searches)
        base = Resolver(cluster_dns, _unique(searches), _CLUSTER_OPTIONS)
    return _bounded(_extended(base, pod.spec.dns_config) if pod.spec.dns_config else base)


def _extended(base: Resolver, more: PodDNSConfig) -> Resolver:
    return Resolver(
        servers=_unique((*base.servers, *more.nameservers)),
        searches=_unique((*base.searches, *more.searches)),
        options=_merged(base.options, more.options),
    )


def _merged(base: tuple[str, ...], more: tuple[PodDNSConfigOption, ...]) -> tuple[str, ...]:
    """Return the options; the pod's win by name."""
    values = dict(option.partition(":")[::2] for option in base)
    values |= {option.name: option.value or "" for option in more if option.name}
    return tuple(f"{name}:{value}" if value else name for name, value in values.items())


def _bounded(found: Resolver) -> Resolver:
    """Cut what resolvers do not take, and say so."""
    warnings: list[str] = []
    servers = found.servers[:_MAX_SERVERS]
    if servers != found.servers:
        warnings.append(
            "Nameserver limits were exceeded, some nameservers have been omitted, the applied nameserver line is: "
            + " ".join(servers)
        )
    searches = [domain for domain in found.searches[:_MAX_SEARCHES] if len(domain) <= _MAX_DOMAIN_CHARACTERS]
    while len(" ".join(searches)) > _MAX_SEARCH_CHARACTERS:
        searches.pop()
    if tuple(searches) != found.searches:
        warnings.append(
            "Search Line limits were exceeded, some search paths have been omitted, the applied search line is: "
            + " ".join(searches)
        )
    return Resolver(servers, tuple(searches), found.options, tuple(warnings))


def _unique(values: Iterable[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(values))
