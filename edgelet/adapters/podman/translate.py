"""From what is asked for to libpod's bodies: SandboxSpec to PodSpecGenerator, ContainerSpec to SpecGenerator. Pure.

Source: Podman's pkg/specgen (names of the fields); what 4.3 does with each was tried, see the comments.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from edgelet.adapters.podman import labels, signals
from edgelet.adapters.podman.labels import HostNamespaces
from edgelet.ports.pinned_sandboxes import PinnedSandbox
from edgelet.ports.pod_files import USER_IDS
from edgelet.ports.runtime import ContainerSpec, Mount, PortMapping, Resources, SandboxSpec, Security

Body = dict[str, Any]
CPU_PERIOD_US = 100_000
_UNLIMITED = -1
_SHM = "/dev/shm"  # noqa: S108  a mount point inside the container
_HOSTNAME = "/etc/hostname"
_PROPAGATION: Mapping[str, str] = {"private": "rprivate", "rslave": "rslave", "rshared": "rshared"}


@dataclass(frozen=True, slots=True)
class Abilities:
    """What this board can do, as far as a body depends on it."""

    memory_cgroup: bool = True
    huge_page_sizes: tuple[int, ...] = ()  # that can be limited, in bytes
    oom_score_adj_min: int = -1000  # lower ones are refused by the kernel: the whole start would fail


def sandbox_body(spec: SandboxSpec, *, owner: str, network: str, address: str = "") -> Body:
    """Return the body of pods/create. `address` "": the engine chooses."""
    shared = ["net", "ipc", "uts"]
    if spec.share_process_namespace or spec.host_pid:
        shared.append("pid")
    body: Body = {
        "name": labels.pod_name(spec.pod, spec.attempt),
        "infra_name": labels.infra_name(spec.pod, spec.attempt),
        "labels": labels.of_sandbox(spec, owner),
        "shared_namespaces": shared,
        "no_manage_hosts": True,  # /etc/hosts is a mount of the agent's, so that hostAliases and the pod IP are in it
        "exit_policy": "continue",
    }
    if spec.host_network:
        body |= {"netns": {"nsmode": "host"}, "utsns": {"nsmode": "host"}}  # with a hostname libpod refuses this
    else:
        body |= {"netns": {"nsmode": "bridge"}, "hostname": spec.hostname}
        if network:
            body["Networks"] = {network: {"static_ips": [address]} if address else {}}
        body |= _dns(spec.dns_servers, spec.dns_searches, spec.dns_options)
        if spec.ports:
            body["portmappings"] = [_port(port) for port in spec.ports]
    if spec.host_pid:
        body["pidns"] = {"nsmode": "host"}
    if spec.sysctls:
        body["sysctl"] = dict(spec.sysctls)
    if spec.user_ids_first:
        body |= _user_namespace(spec.user_ids_first)
    if spec.cgroup_parent:
        body["cgroup_parent"] = spec.cgroup_parent
    whole = Resources(cpu_quota_us=spec.cpu_quota_us, memory_limit_bytes=spec.memory_limit_bytes)
    return body | _resources(whole, Abilities())


def _user_namespace(first: int) -> Body:
    """The infra container makes it and owns the pod's other namespaces by it; the containers join it by themselves."""
    mapping = [{"container_id": 0, "host_id": first, "size": USER_IDS}]
    return {
        "userns": {"nsmode": "private"},
        "idmappings": {"HostUIDMapping": False, "HostGIDMapping": False, "UIDMap": mapping, "GIDMap": mapping},
    }


def container_body(
    spec: ContainerSpec,
    *,
    owner: str,
    sandbox: str,
    namespaces: HostNamespaces,
    abilities: Abilities,
    pinned: PinnedSandbox | None = None,
) -> Body:
    """Return the body of containers/create.

    Args:
        spec: What is asked for.
        owner: Ours.
        sandbox: Id of the pod, or of the pinned sandbox.
        namespaces: What the sandbox has of the host.
        abilities: Of this board.
        pinned: The sandbox, where it is no object of Podman's.
    """
    body: Body = {
        "name": labels.container_name(spec.pod, spec.name, spec.instance),
        "image": spec.image,
        "labels": labels.of_container(spec, owner, pinned=pinned.id if pinned else ""),
        "env": dict(spec.env),
        "mounts": [_mount(mount) for mount in spec.mounts],
        "terminal": spec.tty,
        "stdin": spec.stdin,
        "restart_policy": "no",  # Podman's own has no back-off
        "healthconfig": {"Test": ["NONE"]},  # Kubernetes does not know HEALTHCHECK of an image
        "image_volume_mode": "ignore",  # an anonymous volume outlives a crash; VOLUME stays a directory of the image
        "create_working_dir": True,
        "systemd": "false",
        "sdnotifyMode": "ignore",
        "env_host": False,
        "httpproxy": False,  # left out, newer versions take the proxy variables of the engine's environment
    }
    if spec.log_path:
        body["log_configuration"] = {"driver": "k8s-file", "path": spec.log_path}
    if spec.working_dir:
        body["work_dir"] = spec.working_dir
    if spec.stop_signal:
        body["stop_signal"] = signals.number(spec.stop_signal)
    body |= _process(spec) | _security(spec.security) | _resources(spec.resources, abilities) | _own(namespaces)
    if pinned is None:
        return body | {"pod": sandbox}
    own = {_SHM: pinned.shm_path, _HOSTNAME: pinned.hostname_path}
    brought = {mount.target for mount in spec.mounts}
    body["mounts"] += [_mount(Mount(path, target)) for target, path in own.items() if path and target not in brought]
    if pinned.uts_path:
        # libpod takes no host name for a namespace that is there already.
        body["env"] = {"HOSTNAME": pinned.spec.hostname} | body["env"]
    return body | _joined(pinned)


def _process(spec: ContainerSpec) -> Body:
    # Kubernetes' command is Docker's ENTRYPOINT and drops the image's CMD; args are CMD.
    body: Body = {}
    if spec.command:
        body["entrypoint"] = list(spec.command)
        body["command"] = list(spec.args or ())
    elif spec.args:
        body["command"] = list(spec.args)
    return body


def _security(security: Security) -> Body:
    body: Body = {
        "privileged": security.privileged,
        "no_new_privileges": security.no_new_privileges,
        "read_only_filesystem": security.read_only_root,
    }
    optional: Body = {
        "user": security.user,
        "groups": [str(group) for group in security.groups],
        "cap_add": list(security.capabilities_add),
        "cap_drop": list(security.capabilities_drop),
        "seccomp_profile_path": security.seccomp,
        "apparmor_profile": security.apparmor,
        "selinux_opts": list(security.selinux),
        "unmask": ["ALL"] if security.unmask_proc else [],
    }
    return body | {key: value for key, value in optional.items() if value}


def _resources(resources: Resources, abilities: Abilities) -> Body:
    limits: Body = {}
    cpu: Body = {}
    if resources.cpu_shares:
        cpu["shares"] = resources.cpu_shares
    if resources.cpu_quota_us:
        cpu |= {"quota": resources.cpu_quota_us, "period": CPU_PERIOD_US}
    if cpu:
        limits["cpu"] = cpu
    if resources.memory_limit_bytes and abilities.memory_cgroup:
        # swap counts memory and swap together: equal means none, as a kubelet without the swap feature has it
        limits["memory"] = {"limit": resources.memory_limit_bytes, "swap": resources.memory_limit_bytes}
    if resources.pids_limit:
        limits["pids"] = {"limit": resources.pids_limit}
    if abilities.huge_page_sizes:
        # Of every size, also those that nobody asked for: no limit would be all of the node's.
        pages = {size: resources.huge_pages.get(size, 0) for size in abilities.huge_page_sizes}
        limits["hugepageLimits"] = [{"pageSize": _page_size(size), "limit": limit} for size, limit in pages.items()]
    body: Body = {"resource_limits": limits} if limits else {}
    if resources.oom_score_adj is not None:
        body["oom_score_adj"] = max(resources.oom_score_adj, abilities.oom_score_adj_min)
    return body


def _page_size(size_bytes: int) -> str:
    """Return the size as the kernel's file names have it. Source: runc libcontainer/cgroups HugePageSizes."""
    for unit, factor in (("GB", 1 << 30), ("MB", 1 << 20)):
        if size_bytes >= factor:
            return f"{size_bytes // factor}{unit}"
    return f"{size_bytes >> 10}KB"


def update_body(resources: Resources, abilities: Abilities) -> Body:
    """Return the body of containers/<id>/update: every limit, since what is left out stays as it was."""
    cpu = {"shares": resources.cpu_shares, "quota": resources.cpu_quota_us or _UNLIMITED, "period": CPU_PERIOD_US}
    if not abilities.memory_cgroup:
        return {"cpu": cpu}
    bytes_ = resources.memory_limit_bytes or _UNLIMITED
    return {"cpu": cpu, "memory": {"limit": bytes_, "swap": bytes_}}


def _own(namespaces: HostNamespaces) -> Body:
    """What the container does not get by joining the infra container."""
    body: Body = {}
    if namespaces.ipc:
        body["ipcns"] = {"nsmode": "host"}
    if namespaces.network:
        body["use_image_hosts"] = True  # on the host's network no_manage_hosts of the pod is not asked
        body |= _dns(namespaces.dns_servers, namespaces.dns_searches, namespaces.dns_options)
    return body


def _joined(pinned: PinnedSandbox) -> Body:
    """What a container is told of a sandbox that Podman does not know."""
    spec = pinned.spec
    paths = {"netns": pinned.network_path, "utsns": pinned.uts_path, "ipcns": pinned.ipc_path}
    body: Body = {key: {"nsmode": "path", "value": path} if path else {"nsmode": "host"} for key, path in paths.items()}
    if spec.host_pid:
        body["pidns"] = {"nsmode": "host"}
    if spec.cgroup_parent:
        body["cgroup_parent"] = spec.cgroup_parent
    body["use_image_hosts"] = True  # /etc/hosts is a mount of the agent's
    return body | _dns(spec.dns_servers, spec.dns_searches, spec.dns_options)


def _dns(servers: tuple[str, ...], searches: tuple[str, ...], options: tuple[str, ...]) -> Body:
    named = {"dns_server": servers, "dns_search": searches, "dns_option": options}
    return {key: list(value) for key, value in named.items() if value}


def _port(port: PortMapping) -> Body:
    body: Body = {
        "container_port": port.container_port,
        "host_port": port.host_port,
        "protocol": port.protocol.lower(),
    }
    return body | ({"host_ip": port.host_ip} if port.host_ip else {})


def _mount(mount: Mount) -> Body:
    access = "ro" if mount.read_only else "rw"
    return {
        "type": "bind",
        "source": mount.source,
        "destination": mount.target,
        "options": ["rbind", _PROPAGATION[mount.propagation], access],
    }
