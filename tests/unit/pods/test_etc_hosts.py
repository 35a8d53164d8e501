from __future__ import annotations

from edgelet.pods import etc_hosts
from edgelet.pods.pod_hostname import PodHostname
from edgelet.ports.pod_files import HostsFile
from tests.unit.pods.pod_documents import pod

ALIASES = [{"ip": "192.0.2.9", "hostnames": ["a.example", "b"]}, {"ip": "::9", "hostnames": ["c"]}]
MANAGED = (
    "# Kubernetes-managed hosts file.\n"
    "127.0.0.1\tlocalhost\n"
    "::1\tlocalhost ip6-localhost ip6-loopback\n"
    "fe00::0\tip6-localnet\n"
    "fe00::0\tip6-mcastprefix\n"
    "fe00::1\tip6-allnodes\n"
    "fe00::2\tip6-allrouters\n"
)


def test_a_pod_finds_itself_under_every_address() -> None:
    found = etc_hosts.of(pod(), path="/f", hostname=PodHostname("h", "", "h"), pod_ips=("10.0.0.1", "fd00::1"))
    assert found == HostsFile("/f", head=f"{MANAGED}10.0.0.1\th\nfd00::1\th\n")


def test_the_full_name_stands_before_the_short_one() -> None:
    found = etc_hosts.of(pod(), path="/f", hostname=PodHostname("h", "s.ns.svc.x", "h"), pod_ips=("10.0.0.1",))
    assert found.head == f"{MANAGED}10.0.0.1\th.s.ns.svc.x\th\n"


def test_aliases_follow_after_a_blank_line() -> None:
    found = etc_hosts.of(pod(hostAliases=ALIASES), path="/f", hostname=PodHostname("h", "", "h"), pod_ips=("10.0.0.1",))
    assert found.tail == "\n# Entries added by HostAliases.\n192.0.2.9\ta.example\tb\n::9\tc\n"


def test_with_host_network_the_nodes_own_file_stands_between_header_and_aliases() -> None:
    one = pod(hostNetwork=True, hostAliases=ALIASES[1:])
    found = etc_hosts.of(one, path="/f", hostname=PodHostname("h", "", "h"), pod_ips=("10.0.0.1",))
    header = "# Kubernetes-managed hosts file (host network).\n"
    assert found == HostsFile("/f", header, "\n# Entries added by HostAliases.\n::9\tc\n", with_node_file=True)
