"""The /etc/hosts that a pod's containers share.

Source: Kubernetes pkg/kubelet/kubelet_pods.go ensureHostsFile and what it calls.
"""

from __future__ import annotations

from edgelet.api.pod import Pod
from edgelet.pods.pod_hostname import PodHostname
from edgelet.ports.pod_files import HostsFile

PATH = "/etc/hosts"

_HEADER = "# Kubernetes-managed hosts file.\n"
_HOST_NETWORK_HEADER = "# Kubernetes-managed hosts file (host network).\n"
_LOCAL = (
    "127.0.0.1\tlocalhost\n"
    "::1\tlocalhost ip6-localhost ip6-loopback\n"
    "fe00::0\tip6-localnet\n"
    "fe00::0\tip6-mcastprefix\n"
    "fe00::1\tip6-allnodes\n"
    "fe00::2\tip6-allrouters\n"
)


def of(pod: Pod, *, path: str, hostname: PodHostname, pod_ips: tuple[str, ...]) -> HostsFile:
    """Return the file to be written at `path`; with host networking the node's own stands in its middle."""
    if pod.spec.host_network:
        return HostsFile(path=path, head=_HOST_NETWORK_HEADER, tail=_aliases(pod), with_node_file=True)
    fqdn = f"{hostname.host}.{hostname.domain}\t" if hostname.domain else ""
    own = "".join(f"{ip}\t{fqdn}{hostname.host}\n" for ip in pod_ips)
    return HostsFile(path=path, head=f"{_HEADER}{_LOCAL}{own}", tail=_aliases(pod))


def wanted(pod: Pod, mount_paths: tuple[str, ...], pod_ips: tuple[str, ...]) -> bool:
    """Whether a container with these mounts gets the file: not if it brings its own, not before the pod has an IP."""
    return PATH not in mount_paths and bool(pod_ips or pod.spec.host_network)


def _aliases(pod: Pod) -> str:
    if not pod.spec.host_aliases:
        return ""
    lines = ["\t".join((alias.ip, *alias.hostnames)) + "\n" for alias in pod.spec.host_aliases]
    return "\n# Entries added by HostAliases.\n" + "".join(lines)
