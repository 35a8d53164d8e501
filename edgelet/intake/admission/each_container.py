"""The containers of a pod with their paths."""

from __future__ import annotations

from collections.abc import Iterator

from edgelet.api.container import Container
from edgelet.api.pod import PodSpec


def of(spec: PodSpec) -> Iterator[tuple[str, Container]]:
    """Give every container of every kind, with its path."""
    parts: tuple[tuple[str, tuple[Container, ...]], ...] = (
        ("initContainers", spec.init_containers),
        ("containers", spec.containers),
        ("ephemeralContainers", spec.ephemeral_containers),
    )
    for part, containers in parts:
        for index, one in enumerate(containers):
            yield f"spec.{part}[{index}]", one
