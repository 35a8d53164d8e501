"""The names of a pod: its host name, its domain, what the kernel calls it.

Source: Kubernetes pkg/kubelet/kubelet_pods.go GeneratePodHostNameAndDomain, util.GetNodenameForKernel.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from edgelet.api import names
from edgelet.api.errors import EdgeletError
from edgelet.api.pod import Pod

_MAX_HOSTNAME_CHARACTERS = 63
_MAX_KERNEL_CHARACTERS = 64


@dataclass(frozen=True, slots=True)
class PodHostname:
    """`domain` is "" without a subdomain."""

    host: str
    domain: str
    kernel: str


def of(pod: Pod, *, cluster_domain: str) -> PodHostname:
    """Return the pod's names.

    Raises:
        EdgeletError: FailedCreatePodSandBox for a name that is none, or an FQDN too long for the kernel.
    """
    spec = pod.spec
    if spec.hostname_override is not None:
        _check("HostnameOverride", spec.hostname_override, names.dns_subdomain, "subdomain")
        name = _truncated(spec.hostname_override)
        return PodHostname(host=name, domain="", kernel=name)
    if spec.hostname:
        _check("Hostname", spec.hostname, names.dns_label, "label")
    host = _truncated(spec.hostname or pod.metadata.name)
    if not spec.subdomain:
        return PodHostname(host=host, domain="", kernel=host)
    _check("Subdomain", spec.subdomain, names.dns_label, "label")
    domain = f"{spec.subdomain}.{pod.metadata.namespace}.svc.{cluster_domain}"
    kernel = f"{host}.{domain}" if spec.set_hostname_as_fqdn else host
    if len(kernel) > _MAX_KERNEL_CHARACTERS:
        raise _fault(
            f"failed to construct FQDN from pod hostname and cluster domain, FQDN {kernel} is too long "
            f"({_MAX_KERNEL_CHARACTERS} characters is the max, {len(kernel)} characters requested)"
        )
    return PodHostname(host=host, domain=domain, kernel=kernel)


def _truncated(name: str) -> str:
    return name if len(name) <= _MAX_HOSTNAME_CHARACTERS else name[:_MAX_HOSTNAME_CHARACTERS].rstrip("-.")


def _check(field: str, value: str, rule: Callable[[str], str | None], kind: str) -> None:
    if fault := rule(value):
        raise _fault(f'pod {field} "{value}" is not a valid DNS {kind}: {fault}')


def _fault(message: str) -> EdgeletError:
    return EdgeletError("FailedCreatePodSandBox", message)
