"""From a container of a PodSpec to what the engine is asked for: every reference, path and number resolved. Pure.

Source: Kubernetes pkg/kubelet/kuberuntime/kuberuntime_container{,_linux}.go generateContainerConfig.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from edgelet.api import huge_pages
from edgelet.api.container import Container
from edgelet.api.pod import Pod
from edgelet.api.quantity import Quantity
from edgelet.pods import expansion, image_digest, log_paths, mounts, qos, resources, security
from edgelet.pods.environment import Environment
from edgelet.pods.node_facts import NodeFacts
from edgelet.pods.spec_hash import spec_hash
from edgelet.pods.volumes import MountableVolume
from edgelet.ports.images import ImageInfo
from edgelet.ports.pod_files import FileStep, LogDirectory, PodPaths
from edgelet.ports.runtime import ContainerSpec, PodRef, Resources


@dataclass(frozen=True, slots=True)
class ResolvedContainer:
    """What to ask the engine for, after `steps` were carried out by `PodFiles.prepare`."""

    spec: ContainerSpec
    steps: tuple[FileStep, ...]


def resolve(
    pod: Pod,
    container: Container,
    *,
    instance: int,
    image: ImageInfo,
    env: Environment,
    volumes: Mapping[str, MountableVolume],
    pod_ips: tuple[str, ...],
    paths: PodPaths,
    node: NodeFacts,
    labels: Mapping[str, str] | None = None,
    image_groups: tuple[int, ...] = (),
) -> ResolvedContainer:
    """Return one instance of the container.

    Raises:
        EdgeletError: CreateContainerConfigError, with the kubelet's message.
    """
    pod_ref = reference(pod)
    of_volumes = mounts.of_volumes(pod, container, volumes=volumes, env=env, paths=paths, node=node)
    of_agent = mounts.of_agent(pod, container, instance=instance, pod_ips=pod_ips, paths=paths, node=node)
    logs = LogDirectory(log_paths.directory(paths.logs, pod_ref, container.name), instance)
    variables = dict(env)
    spec = ContainerSpec(
        pod=pod_ref,
        name=container.name,
        instance=instance,
        image=image.id,
        image_ref=image_digest.reference(container.image or "", image),
        spec_hash=spec_hash(container),
        command=_expanded(container.command, variables),
        args=_expanded(container.args, variables),
        env=env,
        working_dir=container.working_dir or None,
        mounts=of_volumes.mounts + of_agent.mounts,
        resources=limits(pod, container, node=node),
        security=security.resolve(
            pod, container, image=image, seccomp_directory=node.seccomp_directory, image_groups=image_groups
        ),
        log_path=log_paths.file(paths.logs, pod_ref, container.name, instance),
        stdin=bool(container.stdin),
        tty=bool(container.tty),
        stop_signal=container.lifecycle.stop_signal if container.lifecycle else None,
        labels=labels or {},
    )
    return ResolvedContainer(spec, (*of_volumes.steps, *of_agent.steps, logs))


def reference(pod: Pod) -> PodRef:
    """Return which pod it is."""
    return PodRef(uid=pod.metadata.uid, namespace=pod.metadata.namespace, name=pod.metadata.name)


def limits(pod: Pod, container: Container, *, node: NodeFacts) -> Resources:
    """Return the container's cgroup values. A container without its own limits has the pod's, if there are some."""
    nothing = Quantity(0)
    whole = pod.spec.resources.limits if pod.spec.resources else {}
    cpu_limit = container.resources.limits.get("cpu") or whole.get("cpu") or nothing
    memory_limit = container.resources.limits.get("memory") or whole.get("memory") or nothing
    cpu_request = container.resources.requests.get("cpu") or container.resources.limits.get("cpu") or nothing
    score = qos.oom_score_adj(pod, container, memory_capacity_bytes=node.memory_capacity_bytes)
    return Resources(
        cpu_shares=resources.cpu_shares(cpu_request.to_milli()),
        cpu_quota_us=resources.cpu_quota_us(cpu_limit.to_milli()),
        memory_limit_bytes=resources.limit_bytes(memory_limit),
        pids_limit=node.container_pids_limit,
        huge_pages={
            huge_pages.page_bytes(name): resources.limit_bytes(amount)
            for name, amount in container.resources.limits.items()
            if huge_pages.is_resource(name)
        },
        # Refused by the kernel without CAP_SYS_RESOURCE, and then the container would not start at all.
        oom_score_adj=score if score >= 0 or node.negative_oom_score_allowed else None,
    )


def _expanded(words: tuple[str, ...], variables: Mapping[str, str]) -> tuple[str, ...] | None:
    return expansion.expand_all(words, variables) or None
