"""Makes documents and values for tests: a valid one with as little said as possible, and what a test says on top."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from edgelet.api.pod import Pod
from edgelet.config import policy_file
from edgelet.config.policy import Profile
from edgelet.intake import defaults
from edgelet.intake.admission.in_force import PolicyInForce
from edgelet.intake.admission.judge import Ruling


def container_document(name: str = "c", **fields: Any) -> dict[str, Any]:
    """A container; fields are in Kubernetes' spelling."""
    return {"name": name, "image": "localhost/testbox:1", **fields}


def pod_document(
    name: str = "web", *containers: dict[str, Any], namespace: str = "default", metadata: Any = None, **spec: Any
) -> dict[str, Any]:
    """A pod with one container unless some are given; spec fields are in Kubernetes' spelling."""
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": name, "namespace": namespace, **(metadata or {})},
        "spec": {"containers": list(containers) or [container_document()], **spec},
    }


def complete_pod_document(name: str = "web", *containers: dict[str, Any], **spec: Any) -> dict[str, Any]:
    """A pod as the store holds it: with defaults."""
    return defaults.complete(pod_document(name, *containers, **spec))


def pod(name: str = "web", *containers: dict[str, Any], **spec: Any) -> Pod:
    """A pod value with defaults."""
    return Pod.model_validate(complete_pod_document(name, *containers, **spec))


def config_map_document(name: str = "cfg", *, namespace: str = "default", **fields: Any) -> dict[str, Any]:
    """A ConfigMap."""
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name, "namespace": namespace}, **fields}


def secret_document(name: str = "s", *, namespace: str = "default", **fields: Any) -> dict[str, Any]:
    """A Secret."""
    return {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": name, "namespace": namespace}, **fields}


def policy(text: str = "", *, profile: Profile = "privileged", closed: str = "") -> PolicyInForce:
    """Return the policy of a board, from the text of a policy.toml."""
    rules = policy_file.parse(text, Path("policy.toml"))
    return PolicyInForce(Ruling(policy=rules, profile=profile, closed=closed))
