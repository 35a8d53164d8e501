"""Whether a container that ended starts again."""

from __future__ import annotations

from edgelet.api.container import Container, ContainerRestartRule, EphemeralContainer
from edgelet.api.pod import Pod


def is_sidecar(container: Container) -> bool:
    """Whether an init container is a native sidecar: it keeps running beside the app containers."""
    return container.restart_policy == "Always"


def app_restarts(pod: Pod, container: Container, exit_code: int) -> bool:
    """Return whether an app container with this exit code starts again; an ephemeral one never does.

    Source: Kubernetes pkg/api/v1/pod/util.go ContainerShouldRestart; rules of the container itself come first.
    """
    if isinstance(container, EphemeralContainer):
        return False
    if matching_rule(container, exit_code) is not None:
        return True  # alone, or with all the others
    match container.restart_policy or pod.spec.restart_policy:
        case "Always":
            return True
        case "OnFailure":
            return exit_code != 0
        case _:
            return False


def matching_rule(container: Container, exit_code: int) -> ContainerRestartRule | None:
    """Return the container's first rule for this exit code."""
    for rule in container.restart_policy_rules:
        codes = rule.exit_codes
        if codes is not None and (exit_code in codes.values) == (codes.operator == "In"):
            return rule
    return None


def init_restarts(pod: Pod, container: Container, exit_code: int) -> bool:
    """Return whether an init container starts again: sidecars always, others after a failure unless Never.

    Source: Kubernetes kuberuntime_container.go computeInitContainerActions (Always counts as OnFailure).
    """
    if is_sidecar(container) or (exit_code != 0 and matching_rule(container, exit_code) is not None):
        return True
    return exit_code != 0 and (container.restart_policy or pod.spec.restart_policy) != "Never"
