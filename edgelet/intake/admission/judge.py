"""A pod held against the policy of this board: its own keys first, the profile for the rest (pure)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from edgelet.api import kinds
from edgelet.api.errors import FieldError, ForbiddenError
from edgelet.api.pod import Pod
from edgelet.config.policy import DEFAULT_PROFILE, Policy, Profile
from edgelet.intake.admission import ceilings, host_rules, image_rules, pod_security
from edgelet.intake.admission.violation import Violation

_MAX_LISTED = 10
_SOURCES = {"file": "manifest"}  # the store's word, and the policy's


@dataclass(frozen=True, slots=True, kw_only=True)
class Ruling:
    """The policy in force. `closed`: why nothing new is let in, for people; "" where the policy can be used."""

    policy: Policy = field(default_factory=Policy)
    profile: Profile = DEFAULT_PROFILE  # where the policy names none
    closed: str = ""


def source_of(source: str) -> str:
    """Return the policy's word for a source of the store: mqtt, manifest, api."""
    return _SOURCES.get(source, source)


def profile_for(pod: Pod, ruling: Ruling, *, source: str) -> Profile:
    """Return the profile that counts for a pod from a source."""
    rules = ruling.policy.rules(source_of(source), pod.metadata.namespace or "default")
    return rules.profile or ruling.profile


def violations(pod: Pod, ruling: Ruling, *, source: str) -> tuple[Violation, ...]:
    """Return everything that the policy refuses of a pod from a source."""
    rules = ruling.policy.rules(source_of(source), pod.metadata.namespace or "default")
    by_profile = (
        one
        for one in pod_security.violations(pod, rules.profile or ruling.profile)
        if not (one.key and host_rules.decided(pod, rules, one.path, one.key))
    )
    own = (
        *host_rules.violations(pod, rules),
        *image_rules.violations(pod, rules),
        *ceilings.violations(pod, rules),
    )
    return (*by_profile, *own)


def check(document: Mapping[str, Any], ruling: Ruling, *, source: str, old: Mapping[str, Any] | None = None) -> None:
    """Raise ForbiddenError for a complete document that the policy does not take.

    `old` is the version that stays in place of which only parts change: what it already has is not asked about again,
    so a pod that runs can be resized and labelled under a policy that has become stricter.
    """
    metadata = document["metadata"]
    kind, name = str(document["kind"]), str(metadata.get("name") or metadata.get("generateName") or "")
    word = source_of(source)
    namespace = name if kind == "Namespace" else str(metadata.get("namespace") or "default")
    _check_namespace(ruling, word, namespace=namespace, kind=kind, name=name, old=old)
    if kind != "Pod":
        return
    pod = Pod.model_validate(document)
    found = violations(pod, ruling, source=word)
    if found and old is not None:
        before = frozenset(violations(Pod.model_validate(old), ruling, source=word))
        found = tuple(one for one in found if one not in before)
    if ruling.closed and (old is None or found or document["spec"] != old["spec"]):
        raise _forbidden("Pod", name, ruling.closed)
    if found:
        raise _forbidden("Pod", name, told(found, profile_for(pod, ruling, source=word)), found)


def check_count(ruling: Ruling, *, source: str, namespace: str, name: str, pods: Iterable[tuple[str, str]]) -> None:
    """Raise ForbiddenError if one more pod is too many; `pods` are source (the store's) and namespace of each."""
    word = source_of(source)
    there = [(source_of(one), where) for one, where in pods]
    for table, rules in ruling.policy.layers(word, namespace):
        if rules.max_pods is None:
            continue
        kind = table.partition(".")[0]
        counted = sum(kind == "" or (one == word if kind == "source" else where == namespace) for one, where in there)
        if counted >= rules.max_pods:
            key = f"{table}.max_pods" if table else "max_pods"
            one = Violation(key, "metadata.name", f": at most {rules.max_pods} pods, and so many are there", ours=True)
            raise _forbidden("Pod", name, told((one,), ruling.profile), (one,))


def told(found: tuple[Violation, ...], profile: Profile) -> str:
    """Return the refusals in words: those of the profile as Kubernetes says them, then those of the board's keys."""
    standard = [one for one in found if not one.ours]
    own = [one for one in found if one.ours]
    parts = []
    if standard:
        parts.append(f'violates PodSecurity "{profile}:latest": {_listed(standard)}')
    if own:
        parts.append(f"violates the policy of this board: {_listed(own)}")
    return "; ".join(parts)


def _listed(found: list[Violation]) -> str:
    more = f", and {len(found) - _MAX_LISTED} more" if len(found) > _MAX_LISTED else ""
    return ", ".join(map(str, found[:_MAX_LISTED])) + more


def _check_namespace(
    ruling: Ruling, source: str, *, namespace: str, kind: str, name: str, old: Mapping[str, Any] | None
) -> None:
    allowed = ruling.policy.rules(source, namespace).namespaces
    if old is not None or allowed is None or namespace in allowed:
        return
    path = "metadata.name" if kind == "Namespace" else "metadata.namespace"
    one = Violation("namespaces", path, f' "{namespace}"', ours=True)
    raise _forbidden(kind, name, told((one,), ruling.profile), (one,))


def _forbidden(kind: str, name: str, why: str, found: tuple[Violation, ...] = ()) -> ForbiddenError:
    known = kinds.of_kind(kind)
    faults = tuple(FieldError(one.path, one.words, "FieldValueForbidden") for one in found)
    plural = known.plural if known is not None else kind
    return ForbiddenError(f'{plural} "{name}" is forbidden: {why}', kind=kind, name=name, faults=faults)
