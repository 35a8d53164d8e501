"""Usage of running containers, from cgroup files that stay open between samples."""

from __future__ import annotations

from collections.abc import Iterable

from edgelet.adapters.podman.cgroups import UsageFiles
from edgelet.adapters.podman.inspection import Inspected
from edgelet.ports.runtime import Usage


class UsageSampler:
    """Four open files a container, closed when it is gone."""

    def __init__(self) -> None:
        self._files: dict[str, UsageFiles] = {}

    def sample(self, containers: Iterable[Inspected]) -> tuple[Usage, ...]:
        """Sample these; those that ended give nothing."""
        return tuple(usage for each in containers if (usage := self._sample(each)))

    def keep_only(self, ids: frozenset[str]) -> None:
        """Let go of all others."""
        for gone in self._files.keys() - ids:
            self._files.pop(gone).close()

    def _sample(self, container: Inspected) -> Usage | None:
        files = self._files.get(container.id)
        if files is None:
            files = self._files[container.id] = UsageFiles(container.name, container.cgroup_path)
        usage = files.sample()
        if usage is None:
            self._files.pop(container.id).close()
        return usage
