"""Resource types as people name them: `po`, `pod`, `pods`, `deployments.apps`; and where the API keeps them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from edgelet.api import kinds, sealed_secret
from edgelet.cli.failure import CliError


@dataclass(frozen=True, slots=True)
class Resource:
    """One type of object."""

    kind: str
    plural: str
    api_version: str = "v1"
    namespaced: bool = True
    in_all: bool = False  # whether `get all` shows it

    @property
    def singular(self) -> str:
        """The type as messages say it: `pod`."""
        return self.kind.lower()

    @property
    def group(self) -> str:
        """The API group; empty for the core one."""
        return self.api_version.rpartition("/")[0]

    @property
    def qualified(self) -> str:
        """The type in `TYPE/NAME`: `pod`, `deployment.apps`."""
        return f"{self.singular}.{self.group}" if self.group else self.singular

    def path(self, namespace: str = "", name: str = "", subresource: str = "") -> str:
        """Where the API has the object, or all of them; with no namespace: of all namespaces."""
        root = f"/apis/{self.api_version}" if self.group else f"/api/{self.api_version}"
        within = f"/namespaces/{_segment(namespace)}" if self.namespaced and namespace else ""
        parts = [part for part in (name, subresource) if part]
        return "/".join([f"{root}{within}/{self.plural}", *map(_segment, parts)])


IN_ALL = frozenset({"Pod", "Service", "DaemonSet", "Deployment", "ReplicaSet", "StatefulSet", "CronJob", "Job"})

RESOURCES = tuple(
    Resource(
        kind.kind,
        kind.plural,
        api_version=kind.api_version,
        namespaced=kind.namespaced,
        in_all=kind.kind in IN_ALL and kind.support != "later",
    )
    for kind in kinds.KINDS
)
BY_KIND = {resource.kind: resource for resource in RESOURCES}
NODES, PODS, EVENTS, NAMESPACES = BY_KIND["Node"], BY_KIND["Pod"], BY_KIND["Event"], BY_KIND["Namespace"]


def named(name: str) -> Resource:
    """The type of that name, in any spelling.

    Raises:
        CliError: There is none.
    """
    kind = kinds.of_word(name)
    if kind is None:
        raise CliError(f'the server doesn\'t have a resource type "{name}"')
    return BY_KIND[kind.kind]


def of(document: Mapping[str, Any], *, source: str) -> Resource:
    """The type of an object.

    Raises:
        CliError: edgelet knows no such kind.
    """
    if sealed_secret.is_one(document):
        return BY_KIND[sealed_secret.STANDS_FOR]
    kind, version = document.get("kind"), document.get("apiVersion")
    resource = BY_KIND.get(kind) if isinstance(kind, str) else None
    if resource is None or resource.api_version != version:
        metadata = document.get("metadata")
        name = metadata.get("name", "") if isinstance(metadata, Mapping) else ""
        raise CliError(
            f'resource mapping not found for name: "{name}" from "{source}": '
            f'no matches for kind "{kind}" in version "{version}"'
        )
    return resource


def _segment(text: str) -> str:
    return quote(text, safe="")
