"""What makes a container another one: its name and image, as for the kubelet since 1.31."""

from __future__ import annotations

import hashlib
import json

from edgelet.api.container import Container


def spec_hash(container: Container) -> str:
    """Return 16 hex digits over name and image.

    Source: Kubernetes pkg/kubelet/container/helpers.go HashContainer (since 1.31 only these two fields).
    """
    text = json.dumps([container.name, container.image])
    return hashlib.sha256(text.encode()).hexdigest()[:16]
