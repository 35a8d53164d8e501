"""policy.toml: what this board lets in, written by whoever has the board, never by whoever has the broker.

A key that is left out leaves its matter to the profile; a key that is there decides it, whatever the profile says.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import PurePosixPath
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, field_validator, model_validator

from edgelet.api.quantity import Quantity
from edgelet.config.paths import AbsolutePath
from edgelet.config.section import Section

Profile = Literal["privileged", "baseline", "restricted"]
SourceName = Literal["mqtt", "manifest", "api"]
RemoteVerb = Literal["get", "describe", "logs", "exec", "attach", "port-forward", "cp", "top"]
DEFAULT_PROFILE: Profile = "baseline"

_LAST_PORT = 65535
_PORTS = re.compile(r"(\d{1,5})(?:-(\d{1,5}))?")
_CAPABILITY = re.compile(r"[A-Z][A-Z0-9_]*")
_IMAGE_PREFIX = re.compile(r"[A-Za-z0-9\[][A-Za-z0-9.:\[\]-]*(?:/[a-z0-9._-]+)*/?")


def _host_path(value: str) -> str:
    if not value.startswith("/") or ".." in value.split("/"):
        raise ValueError(f"{value!r} is no absolute path without '..'")
    return str(PurePosixPath("/", *filter(None, value.split("/"))))


def _as_path_table(value: object) -> object:
    return {"path": value} if isinstance(value, str) else value


class HostPath(Section):
    """A directory or file of the board, with all that is below it; in TOML a text, or a table with read_only."""

    path: str
    read_only: bool = False

    @field_validator("path")
    @classmethod
    def _normal(cls, value: str) -> str:
        return _host_path(value)


class PortRange(Section):
    """Ports of the board, both ends included; in TOML 8080 or "8000-8099"."""

    first: int = Field(ge=1, le=_LAST_PORT)
    last: int = Field(ge=1, le=_LAST_PORT)

    @model_validator(mode="after")
    def _upwards(self) -> PortRange:
        if self.last < self.first:
            raise ValueError(f"{self.first}-{self.last} goes downwards")
        return self


def _as_range(value: object) -> object:
    if isinstance(value, int) and not isinstance(value, bool):
        return {"first": value, "last": value}
    match = _PORTS.fullmatch(value) if isinstance(value, str) else None
    if match is None:
        raise ValueError(f'{value!r} is no port such as 8080 and no range such as "8000-8099"')
    return {"first": int(match[1]), "last": int(match[2] or match[1])}


class Ceiling(Section):
    """The most that may be asked for. Who names no limit asks for everything, and is refused."""

    cpu: Quantity | None = None
    memory: Quantity | None = None
    ephemeral_storage: Quantity | None = None

    def items(self) -> Iterator[tuple[str, Quantity]]:
        """Give each resource that has a ceiling, by Kubernetes' name."""
        for name, value in (("cpu", self.cpu), ("memory", self.memory), ("ephemeral-storage", self.ephemeral_storage)):
            if value is not None:
                yield name, value


class Rules(Section):
    """What may be decided for everybody, for a source, and for a namespace. None: not decided here."""

    profile: Profile | None = None  # Pod Security Standards
    namespaces: tuple[str, ...] | None = None  # those that objects may be in
    images: tuple[str, ...] | None = None  # registries and repositories, whole components: "registry.example/team/"
    digests_only: bool | None = None
    privileged: bool | None = None
    capabilities: tuple[str, ...] | None = None  # those that may be added, "ALL" is every one
    host_network: bool | None = None
    host_pid: bool | None = None
    host_ipc: bool | None = None
    host_ports: tuple[Annotated[PortRange, BeforeValidator(_as_range)], ...] | None = None
    host_paths: tuple[Annotated[HostPath, BeforeValidator(_as_path_table)], ...] | None = None
    devices: tuple[str, ...] | None = None  # hostPath below /dev; * stands for a part of one component
    max_container: Ceiling | None = None
    max_pod: Ceiling | None = None
    max_pods: int | None = Field(default=None, ge=0)

    @field_validator("images")
    @classmethod
    def _images(cls, values: tuple[str, ...] | None) -> tuple[str, ...] | None:
        for value in values or ():
            registry = value.partition("/")[0]
            if not _IMAGE_PREFIX.fullmatch(value) or not (registry == "localhost" or set(".:") & set(registry)):
                raise ValueError(f"{value!r} is no registry and no repository such as registry.example/team/")
        return None if values is None else tuple(value.rstrip("/") for value in values)

    @field_validator("capabilities")
    @classmethod
    def _capabilities(cls, values: tuple[str, ...] | None) -> tuple[str, ...] | None:
        for value in values or ():
            if not _CAPABILITY.fullmatch(value) or value.startswith("CAP_"):
                raise ValueError(f"{value!r} is no capability such as NET_ADMIN")
        return values

    @field_validator("devices")
    @classmethod
    def _devices(cls, values: tuple[str, ...] | None) -> tuple[str, ...] | None:
        normal = None if values is None else tuple(map(_host_path, values))
        for value in normal or ():
            if not value.startswith("/dev/"):
                raise ValueError(f"{value!r} is not below /dev")
        return normal

    def laid_over(self, below: Rules) -> Rules:
        """Return these rules, and those of `below` where these decide nothing."""
        decided: dict[str, Any] = {}
        for layer in (below, self):
            for name in Rules.model_fields:
                if (value := getattr(layer, name)) is not None:
                    decided[name] = value
        return Rules.model_construct(**decided)


class NamespaceRules(Rules):
    """Rules of one namespace. The sender chooses the namespace, so it is said from whom they count."""

    sources: tuple[SourceName, ...] = Field(min_length=1)


class Policy(Rules):
    """policy.toml whole."""

    signatures: AbsolutePath | None = None  # a policy.json for the engine: containers-policy.json(5)
    remote_verbs: tuple[RemoteVerb, ...] = ()  # what may be asked of this board through the broker
    source: dict[SourceName, Rules] = Field(default_factory=dict)
    namespace: dict[str, NamespaceRules] = Field(default_factory=dict)

    def layers(self, source: str, namespace: str) -> tuple[tuple[str, Rules], ...]:
        """Return the tables that count for an object, the last one counts most, each with its name in the file."""
        found: list[tuple[str, Rules]] = [("", self)]
        for name, rules in self.source.items():
            if name == source:
                found.append((f"source.{name}", rules))
        special = self.namespace.get(namespace)
        if special is not None and source in special.sources:
            found.append((f"namespace.{namespace}", special))
        return tuple(found)

    def rules(self, source: str, namespace: str) -> Rules:
        """Return what counts for an object of this namespace from this source (mqtt, manifest, api)."""
        rules: Rules = Rules()
        for _, layer in self.layers(source, namespace):
            rules = layer.laid_over(rules)
        return rules

    def allows_verb(self, verb: str) -> bool:
        """Whether the broker may be used to ask for this."""
        return verb in self.remote_verbs
