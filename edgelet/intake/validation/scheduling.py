"""Rules for what the node itself looks at when a pod is bound to it: node affinity and tolerations."""

from __future__ import annotations

from collections.abc import Iterator

from edgelet.api import names
from edgelet.api.errors import FieldError
from edgelet.api.pod import PodSpec
from edgelet.api.scheduling import NodeSelectorRequirement, Toleration
from edgelet.intake import faults

_REQUIRED = "spec.affinity.nodeAffinity.requiredDuringSchedulingIgnoredDuringExecution"


def check(spec: PodSpec) -> Iterator[FieldError]:
    """Check required node affinity and tolerations; wishes are for a scheduler."""
    affinity = spec.affinity.node_affinity if spec.affinity is not None else None
    required = affinity.required_during_scheduling_ignored_during_execution if affinity is not None else None
    if required is not None:
        terms = f"{_REQUIRED}.nodeSelectorTerms"
        if not required.node_selector_terms:
            yield faults.required(terms, "must have at least one node selector term")
        for index, term in enumerate(required.node_selector_terms):
            for position, requirement in enumerate(term.match_expressions):
                yield from _requirement(requirement, f"{terms}[{index}].matchExpressions[{position}]")
            for position, requirement in enumerate(term.match_fields):
                yield from _requirement(requirement, f"{terms}[{index}].matchFields[{position}]")
    for index, toleration in enumerate(spec.tolerations):
        yield from _toleration(toleration, f"spec.tolerations[{index}]")


def _requirement(requirement: NodeSelectorRequirement, path: str) -> Iterator[FieldError]:
    values = requirement.values
    if fault := names.qualified_name(requirement.key):
        yield faults.invalid(f"{path}.key", requirement.key, fault)
    match requirement.operator:
        case "In" | "NotIn":
            if not values:
                yield faults.required(f"{path}.values", "must be specified when `operator` is 'In' or 'NotIn'")
        case "Exists" | "DoesNotExist":
            if values:
                detail = "may not be specified when `operator` is 'Exists' or 'DoesNotExist'"
                yield faults.forbidden(f"{path}.values", detail)
        case "Gt" | "Lt":
            if len(values) != 1:
                detail = "must be specified single value when `operator` is 'Lt' or 'Gt'"
                yield faults.required(f"{path}.values", detail)


def _toleration(toleration: Toleration, path: str) -> Iterator[FieldError]:
    operator = toleration.operator or "Equal"
    if toleration.key and (fault := names.qualified_name(toleration.key)):
        yield faults.invalid(f"{path}.key", toleration.key, fault)
    if not toleration.key and operator != "Exists":
        detail = 'operator must be Exists when `key` is empty, which means "match all values and all keys"'
        yield faults.invalid(f"{path}.operator", operator, detail)
    if toleration.toleration_seconds is not None and toleration.effect != "NoExecute":
        detail = "effect must be 'NoExecute' when `tolerationSeconds` is set"
        yield faults.invalid(f"{path}.effect", toleration.effect or "", detail)
    if operator not in ("Exists", "Equal", "Lt", "Gt"):
        yield faults.unsupported(f"{path}.operator", operator, ("Equal", "Exists", "Lt", "Gt"))
    elif operator == "Exists" and toleration.value:
        yield faults.invalid(f"{path}.value", toleration.value, "value must be empty when `operator` is 'Exists'")
