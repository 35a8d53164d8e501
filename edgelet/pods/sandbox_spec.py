"""From a PodSpec to the sandbox the engine is asked for: names, network, namespaces. Pure.

Source: Kubernetes pkg/kubelet/kuberuntime/kuberuntime_sandbox.go generatePodSandboxConfig.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from edgelet.api.container import Container
from edgelet.api.pod import Pod
from edgelet.api.quantity import Quantity
from edgelet.pods import container_spec, pod_hostname, qos, resolv_conf, resources
from edgelet.pods.node_facts import NodeFacts
from edgelet.ports.runtime import PortMapping, SandboxSpec

_NO_SEARCH = (".",)  # Podman would take the host's search list for an empty one


@dataclass(frozen=True, slots=True)
class ResolvedSandbox:
    """What to ask the engine for. `warnings`: messages for events DNSConfigForming."""

    spec: SandboxSpec
    warnings: tuple[str, ...] = ()


def needs_resolv_conf(pod: Pod, *, node: NodeFacts) -> bool:
    """Whether `resolve` must be given the node's resolv.conf (else the engine copies it by itself)."""
    return pod.spec.dns_config is not None or not resolv_conf.uses_node(pod, cluster_dns=node.cluster_dns)


def resolve(
    pod: Pod, *, attempt: int, node: NodeFacts, resolv_conf_text: str = "", user_ids_first: int = 0
) -> ResolvedSandbox:
    """Return the pod's sandbox.

    Args:
        pod: What is wanted.
        attempt: Number of the sandbox.
        node: Facts and settings.
        resolv_conf_text: The node's, where `needs_resolv_conf`.
        user_ids_first: The pod's root on the host, where it has a user namespace of its own.

    Raises:
        EdgeletError: FailedCreatePodSandBox for a host name that cannot be.
    """
    resolver = resolv_conf.Resolver()
    if needs_resolv_conf(pod, node=node):
        resolver = resolv_conf.of(
            pod,
            resolv_conf.parse(resolv_conf_text),
            cluster_dns=node.cluster_dns,
            cluster_domain=node.cluster_domain,
        )
    whole = pod.spec.resources.limits if pod.spec.resources else {}
    spec = SandboxSpec(
        pod=container_spec.reference(pod),
        hostname=pod_hostname.of(pod, cluster_domain=node.cluster_domain).kernel,
        host_network=bool(pod.spec.host_network),
        host_pid=bool(pod.spec.host_pid),
        host_ipc=bool(pod.spec.host_ipc),
        share_process_namespace=bool(pod.spec.share_process_namespace),
        ports=tuple(host_ports(pod)) if not pod.spec.host_network else (),
        dns_servers=resolver.servers,
        dns_searches=resolver.searches or (_NO_SEARCH if resolver.servers else ()),
        dns_options=resolver.options,
        sysctls=_sysctls(pod),
        qos=qos.qos_class(pod),
        cpu_shares=resources.cpu_shares(resources.pod_requests(pod).get("cpu", Quantity(0)).to_milli()),
        cpu_quota_us=resources.cpu_quota_us(whole.get("cpu", Quantity(0)).to_milli()),
        memory_limit_bytes=resources.limit_bytes(whole.get("memory", Quantity(0))),
        user_ids_first=user_ids_first,
        attempt=attempt,
    )
    return ResolvedSandbox(spec, resolver.warnings)


def host_ports(pod: Pod) -> Iterator[PortMapping]:
    """Yield the ports of the node that the pod takes, mapped or, with host networking, its own."""
    return (port for one in _long_running(pod) for port in _ports(one))


def _long_running(pod: Pod) -> Iterator[Container]:
    """Yield the containers whose ports are mapped: apps and sidecars."""
    yield from pod.spec.containers
    yield from (one for one in pod.spec.init_containers if resources.is_sidecar(pod, one))


def _ports(container: Container) -> Iterator[PortMapping]:
    for port in container.ports:
        if port.host_port:
            yield PortMapping(
                container_port=port.container_port,
                host_port=port.host_port,
                protocol=port.protocol or "TCP",
                host_ip=port.host_ip or "",
            )


def _sysctls(pod: Pod) -> dict[str, str]:
    wanted = pod.spec.security_context.sysctls if pod.spec.security_context else ()
    return {_dotted(one.name): one.value for one in wanted}


def _dotted(name: str) -> str:
    """Return the spelling with dots: a/b/c.1 is a.b.c/1 (sysctl(8): the first separator tells which is which)."""
    first = next((character for character in name if character in "./"), ".")
    return name if first == "." else name.translate(str.maketrans("./", "/."))
