"""What a container finds mounted: its volumeMounts, /etc/hosts and its termination log. Pure.

Source: Kubernetes pkg/kubelet/kubelet_pods.go makeMounts, translateMountPropagation, resolveRecursiveReadOnly.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from edgelet.api.container import Container, VolumeMount
from edgelet.api.errors import EdgeletError
from edgelet.api.pod import Pod
from edgelet.pods import etc_hosts, expansion, pod_hostname, termination_message
from edgelet.pods.environment import Environment
from edgelet.pods.node_facts import NodeFacts
from edgelet.pods.volumes import MountableVolume
from edgelet.ports.pod_files import FileStep, PodPaths, SubPath, TerminationLog
from edgelet.ports.runtime import Mount

_PROPAGATION: dict[str, Literal["private", "rslave", "rshared"]] = {
    "None": "private",
    "HostToContainer": "rslave",
    "Bidirectional": "rshared",
}


@dataclass(frozen=True, slots=True)
class ContainerMounts:
    """The mounts, and the steps that make their sources."""

    mounts: tuple[Mount, ...] = ()
    steps: tuple[FileStep, ...] = ()


def of_volumes(
    pod: Pod,
    container: Container,
    *,
    volumes: Mapping[str, MountableVolume],
    env: Environment,
    paths: PodPaths,
    node: NodeFacts,
) -> ContainerMounts:
    """Return the binds of the container's volumeMounts.

    Raises:
        EdgeletError: CreateContainerConfigError: an unknown volume, a subPath that cannot be, a mode that contradicts.
    """
    variables = dict(env)
    mounts: list[Mount] = []
    steps: list[FileStep] = []
    for index, mount in enumerate(container.volume_mounts):
        volume = volumes.get(mount.name)
        if volume is None:
            raise _fault(f'cannot find volume "{mount.name}" to mount into container "{container.name}"')
        source = volume.path
        sub_path = _sub_path(mount, variables)
        # Podman has no such option for a mount: it is given one that is read-only to its depths already.
        recursive = _recursive_read_only(mount, supported=node.recursive_read_only_supported)
        if sub_path or recursive:
            source = paths.sub_path(pod.metadata.uid, container.name, index)
            steps.append(
                SubPath(
                    container=container.name,
                    volume=mount.name,
                    volume_path=volume.path,
                    sub_path=sub_path,
                    target=source,
                    recursive_read_only=recursive,
                    make=volume.make,
                )
            )
        mounts.append(
            Mount(
                source=source,
                target=mount.mount_path if mount.mount_path.startswith("/") else f"/{mount.mount_path}",
                read_only=bool(mount.read_only) or volume.read_only,
                propagation=_PROPAGATION[mount.mount_propagation or "None"],
            )
        )
    return ContainerMounts(tuple(mounts), tuple(steps))


def of_agent(
    pod: Pod, container: Container, *, instance: int, pod_ips: tuple[str, ...], paths: PodPaths, node: NodeFacts
) -> ContainerMounts:
    """Return the binds that every container gets: /etc/hosts and the termination log."""
    uid = pod.metadata.uid
    mounts: list[Mount] = []
    steps: list[FileStep] = []
    if etc_hosts.wanted(pod, tuple(mount.mount_path for mount in container.volume_mounts), pod_ips):
        hostname = pod_hostname.of(pod, cluster_domain=node.cluster_domain)
        steps.append(etc_hosts.of(pod, path=paths.hosts_file(uid), hostname=hostname, pod_ips=pod_ips))
        mounts.append(Mount(source=paths.hosts_file(uid), target=etc_hosts.PATH))
    message_path = container.termination_message_path
    target = termination_message.DEFAULT_PATH if message_path is None else message_path
    if target:
        source = paths.termination_log(uid, container.name, instance)
        steps.append(TerminationLog(source))
        mounts.append(Mount(source=source, target=target))
    return ContainerMounts(tuple(mounts), tuple(steps))


def _sub_path(mount: VolumeMount, variables: Mapping[str, str]) -> str:
    path = mount.sub_path or ""
    if mount.sub_path_expr:
        if unset := expansion.missing(mount.sub_path_expr, variables):
            raise _fault(f"missing value for {', '.join(unset)}")
        path = expansion.expand(mount.sub_path_expr, variables)
    if path.startswith("/"):
        raise _fault(f"error SubPath `{path}` must not be an absolute path")
    if ".." in path.split("/"):
        raise _fault(f"unable to provision SubPath `{path}`: must not contain '..'")
    return path


def _recursive_read_only(mount: VolumeMount, *, supported: bool) -> bool:
    if mount.recursive_read_only in {None, "Disabled"}:
        return False
    if not mount.read_only:
        raise _fault(f'volume "{mount.name}" requested recursive read-only mode, but it is not read-only')
    if mount.mount_propagation not in {None, "None"}:
        raise _fault(
            f'volume "{mount.name}" requested recursive read-only mode, but it is not compatible with propagation '
            f'"{mount.mount_propagation}"'
        )
    if mount.recursive_read_only == "Enabled" and not supported:
        raise _fault(
            f'volume "{mount.name}" requested recursive read-only mode, but it is not supported by the runtime'
        )
    return supported


def _fault(message: str) -> EdgeletError:
    return EdgeletError("CreateContainerConfigError", message)
