"""Which container of a pod is meant when none is named, and what kubectl says about it."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from typing import Any

from edgelet.cli.failure import CliError

DEFAULT_ANNOTATION = "kubectl.kubernetes.io/default-container"


def names(pod: Mapping[str, Any], *, init: bool = True) -> list[str]:
    """The pod's containers in the order in which kubectl names them."""
    spec = pod.get("spec") or {}
    plain = [str(one["name"]) for one in spec.get("containers") or []]
    inits = [str(one["name"]) for one in spec.get("initContainers") or []] if init else []
    extra = [str(one["name"]) for one in spec.get("ephemeralContainers") or []] if init else []
    return [*plain, *inits, *extra]


def choose(pod: Mapping[str, Any], asked: str) -> str:
    """The container to use; says on stderr which one that is where there was a choice.

    Raises:
        CliError: The pod has no such container.
    """
    pod_name = (pod.get("metadata") or {}).get("name", "")
    all_names = names(pod)
    if asked:
        if asked not in all_names:
            raise CliError(f"container {asked} not found in pod {pod_name}")
        return asked
    if not all_names:
        raise CliError(f"pod {pod_name} has no containers")
    annotations = (pod.get("metadata") or {}).get("annotations") or {}
    wanted = str(annotations.get(DEFAULT_ANNOTATION, ""))
    if wanted in all_names:
        return wanted
    if len(all_names) > 1:
        print(f"Defaulted container {_quoted(all_names[0])} out of: {_listed(pod)}", file=sys.stderr, flush=True)
    return all_names[0]


def find(pod: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    """The container's part of the spec; empty where there is none."""
    spec = pod.get("spec") or {}
    every = [one for which in ("containers", "initContainers", "ephemeralContainers") for one in spec.get(which) or []]
    found: Mapping[str, Any] = next((one for one in every if one["name"] == name), {})
    return found


def _quoted(name: str) -> str:
    return f'"{name}"'


def _listed(pod: Mapping[str, Any]) -> str:
    plain = names(pod, init=False)
    inits = {str(one["name"]) for one in (pod.get("spec") or {}).get("initContainers") or []}
    others = [f"{one} ({'init' if one in inits else 'ephem'})" for one in names(pod)[len(plain) :]]
    return ", ".join([*plain, *others])
