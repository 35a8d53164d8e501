"""What a pod and its containers may ask for at most (pure).

As a LimitRange's `max`: a limit that is missing asks for everything. So does a limit of 0: no control group and no
eviction holds it.
Source: kubernetes.io/docs/concepts/policy/limit-range.
"""

from __future__ import annotations

from collections.abc import Iterator

from edgelet.api.pod import Pod, PodSpec
from edgelet.api.quantity import Quantity
from edgelet.config.policy import Rules
from edgelet.intake.admission import each_container
from edgelet.intake.admission.violation import Violation

_NOTHING = Quantity(0)


def violations(pod: Pod, rules: Rules) -> Iterator[Violation]:
    """Give a refusal for each amount that is missing or too high."""
    if rules.max_container is not None:
        for name, most in rules.max_container.items():
            for path, container in each_container.of(pod.spec):
                if not path.startswith("spec.ephemeral"):  # they cannot have resources
                    limit = container.resources.limits.get(name)
                    yield from _beyond("max_container", f"{path}.resources.limits[{name}]", limit, most)
    if rules.max_pod is not None:
        for name, most in rules.max_pod.items():
            yield from _beyond("max_pod", f"spec.resources.limits[{name}]", _of_pod(pod.spec, name), most)


def _beyond(key: str, path: str, limit: Quantity | None, most: Quantity) -> Iterator[Violation]:
    if limit is None:
        yield Violation(key, path, f": a limit of at most {most} is needed", ours=True)
    elif limit <= _NOTHING:
        yield Violation(key, path, f"={limit} is no limit: one of at most {most} is needed", ours=True)
    elif limit > most:
        yield Violation(key, path, f"={limit}: at most {most}", ours=True)


def _of_pod(spec: PodSpec, name: str) -> Quantity | None:
    """Return the limit of the whole pod; None where a part of it has none, or one of 0.

    Source: Kubernetes component-helpers resource.PodLimits: sidecars run beside what comes after them.
    """
    if spec.resources is not None and name in spec.resources.limits:
        return spec.resources.limits[name]
    every = (one.resources.limits.get(name) for one in (*spec.init_containers, *spec.containers))
    if any(limit is None or limit <= _NOTHING for limit in every):
        return None
    beside, most = _NOTHING, _NOTHING
    for one in spec.init_containers:
        amount = one.resources.limits[name]
        if one.restart_policy == "Always":
            beside += amount
            most = max(most, beside)
        else:
            most = max(most, beside + amount)
    running = beside
    for one in spec.containers:
        running += one.resources.limits[name]
    return max(most, running)
