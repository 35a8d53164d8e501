"""Rules for what a container may use and what is set aside for it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from edgelet.api import huge_pages, names
from edgelet.api.container import ResourceRequirements
from edgelet.api.errors import FieldError
from edgelet.api.pod import PodSpec
from edgelet.api.quantity import Quantity
from edgelet.intake import faults

STANDARD = frozenset({"cpu", "memory", "ephemeral-storage"})


def check(resources: ResourceRequirements, path: str) -> Iterator[FieldError]:
    """Check names and amounts, and that no request is above its limit."""
    yield from _amounts(resources.limits, f"{path}.limits")
    yield from _amounts(resources.requests, f"{path}.requests")
    for name, request in resources.requests.items():
        limit = resources.limits.get(name)
        where = f"{path}.requests[{name}]"
        if limit is not None and request > limit:
            detail = f"must be less than or equal to {name} limit of {limit}"
            yield faults.invalid(where, str(request), detail)
        elif _is_whole(name) and request != limit:
            yield faults.invalid(where, str(request), f"must be equal to {name} limit")
    named = {*resources.limits, *resources.requests}
    if any(map(huge_pages.is_resource, named)) and not named & {"cpu", "memory"}:
        yield faults.forbidden(path, "HugePages require cpu or memory")


def check_whole(spec: PodSpec) -> Iterator[FieldError]:
    """Check that what the containers have fits into what the whole pod has.

    Source: Kubernetes validatePodResourceConsistency.
    """
    whole = spec.resources or ResourceRequirements()
    together: dict[str, Quantity] = {}
    for one in (*(each for each in spec.init_containers if each.restart_policy == "Always"), *spec.containers):
        for name, amount in one.resources.requests.items():
            together[name] = together[name] + amount if name in together else amount
    for name, request in whole.requests.items():
        if name in together and together[name] > request:
            detail = f"must be greater than or equal to aggregate container requests of {together[name]}"
            yield faults.invalid(f"spec.resources.requests[{name}]", str(request), detail)
    for part, containers in (("initContainers", spec.init_containers), ("containers", spec.containers)):
        for index, one in enumerate(containers):
            for name, limit in one.resources.limits.items():
                most = whole.limits.get(name)
                if most is not None and limit > most:
                    where = f"spec.{part}[{index}].resources.limits[{name}]"
                    yield faults.invalid(where, str(limit), f"must be less than or equal to pod limits of {most}")


def _amounts(amounts: Mapping[str, Quantity], path: str) -> Iterator[FieldError]:
    for name, amount in amounts.items():
        where = f"{path}[{name}]"
        if name not in STANDARD and not huge_pages.is_resource(name):
            if fault := names.qualified_name(name):
                yield faults.invalid(where, name, fault)
            elif "/" not in name:
                yield faults.invalid(where, name, "must be a standard resource type or fully qualified")
        if amount.nano < 0:
            yield faults.invalid(where, str(amount), "must be greater than or equal to 0")
        elif _is_whole(name) and amount.nano != amount.to_units() * 10**9:
            yield faults.invalid(where, str(amount), "must be an integer")
        elif huge_pages.is_resource(name):
            yield from _pages(name, amount, where)


def _pages(name: str, amount: Quantity, where: str) -> Iterator[FieldError]:
    try:
        page_bytes = huge_pages.page_bytes(name)
    except ValueError as error:
        yield faults.invalid(where, name, str(error))
    else:
        if amount.to_bytes() % page_bytes:
            yield faults.invalid(where, str(amount), f"{amount} is not positive integer multiple of {name}")


def _is_whole(name: str) -> bool:
    """Whether a resource is given out in whole pieces only: huge pages and devices."""
    return name not in STANDARD
