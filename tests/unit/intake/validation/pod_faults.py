"""What a Pod is refused for, as lines."""

from __future__ import annotations

from typing import Any

from edgelet.api.pod import Pod
from edgelet.intake.validation import pod
from tests import builders

C = builders.container_document
VOLUME = {"name": "v", "emptyDir": {}}


def faults(document: dict[str, Any]) -> list[str]:
    return [str(fault) for fault in pod.check(Pod.model_validate(document), node_name="board")]


def faults_of(*containers: dict[str, Any], **spec: Any) -> list[str]:
    return faults(builders.complete_pod_document("web", *containers, **spec))


def faults_with(name: str, value: Any) -> list[str]:
    return faults_of(C(**{name: value}))
