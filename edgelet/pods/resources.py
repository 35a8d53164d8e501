"""What containers may use, as a cgroup takes it, and what a whole pod asks of the node.

Source: Kubernetes pkg/kubelet/cm/helpers_linux.go (shares, quota), component-helpers/resource/helpers.go (PodRequests).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from edgelet.api.container import Container
from edgelet.api.pod import Pod
from edgelet.api.quantity import Quantity
from edgelet.pods import references

Amounts = dict[str, Quantity]

_MIN_SHARES, _MAX_SHARES = 2, 262144
_SHARES_PER_CPU = 1024
_QUOTA_PERIOD_US = 100_000
_MIN_QUOTA_US = 1000
_MAX_QUOTA_US = 2**44 - 1  # Source: Linux kernel/sched, MAX_BW: more is refused; 175 million cpus
_MAX_BYTES = 2**63 - 1
_POD_LEVEL = ("cpu", "memory")


def cpu_shares(milli_cpu: int) -> int:
    """Return the weight of a request; nothing asked for gets the least there is."""
    return max(_MIN_SHARES, min(_MAX_SHARES, milli_cpu * _SHARES_PER_CPU // 1000))


def cpu_quota_us(milli_cpu: int) -> int:
    """Return the run time per 100 ms of a limit; 0 is no limit. A limit beyond the kernel's most is that."""
    return min(max(_MIN_QUOTA_US, milli_cpu * _QUOTA_PERIOD_US // 1000), _MAX_QUOTA_US) if milli_cpu else 0


def limit_bytes(memory: Quantity) -> int:
    """Return a limit of memory as the engine takes it, in 64 bits; 0 is no limit."""
    return min(memory.to_bytes(), _MAX_BYTES)


def is_sidecar(pod: Pod, container: Container) -> bool:
    """Whether it is an init container that keeps running beside the app containers."""
    return container.restart_policy == "Always" and any(one.name == container.name for one in pod.spec.init_containers)


def pod_requests(pod: Pod) -> Amounts:
    """Return what the node must have free for the pod, by resource name.

    The most that is ever asked for at one time: while an init container runs, it and the sidecars before it; later
    all apps and sidecars. A pod-level request stands instead of the sum; overhead is added.
    """
    total = _most(pod, lambda container: container.resources.requests)
    if pod.spec.resources:
        total |= {name: amount for name, amount in pod.spec.resources.requests.items() if _is_pod_level(name)}
    return added(total, pod.spec.overhead)


def pod_memory_limit_bytes(pod: Pod) -> int | None:
    """Return the most memory that the pod's containers may use together; None if one of them is unlimited."""
    whole = pod.spec.resources.limits.get("memory") if pod.spec.resources else None
    if whole:
        return whole.to_bytes()
    if not all(container.resources.limits.get("memory") for container in references.containers(pod)):
        return None
    total = _most(pod, lambda container: container.resources.limits)
    return added(total, pod.spec.overhead).get("memory", Quantity(0)).to_bytes() or None


def pod_storage_limit(pod: Pod) -> Quantity | None:
    """Return how much ephemeral storage the pod may use: what its limited containers may together; None without one."""
    return added(_most(pod, lambda container: container.resources.limits), pod.spec.overhead).get("ephemeral-storage")


def added(one: Mapping[str, Quantity], other: Mapping[str, Quantity]) -> Amounts:
    """Return the sums by name."""
    return {**one, **{name: one[name] + amount if name in one else amount for name, amount in other.items()}}


def _most(pod: Pod, amounts: Callable[[Container], Mapping[str, Quantity]]) -> Amounts:
    sidecars: Amounts = {}
    during_init: Amounts = {}
    for container in pod.spec.init_containers:
        together = added(sidecars, amounts(container))
        if container.restart_policy == "Always":
            sidecars = together
        during_init = _larger(during_init, together)
    later = sidecars
    for container in pod.spec.containers:
        later = added(later, amounts(container))
    return _larger(later, during_init)


def _larger(one: Mapping[str, Quantity], other: Mapping[str, Quantity]) -> Amounts:
    return {**one, **{name: max(one[name], amount) if name in one else amount for name, amount in other.items()}}


def _is_pod_level(name: str) -> bool:
    return name in _POD_LEVEL or name.startswith("hugepages-")
