"""The environment of a container: every source, in Kubernetes' order.

Source: Kubernetes pkg/kubelet/kubelet_pods.go makeEnvironmentVariables.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Literal

from edgelet.api.container import Container
from edgelet.api.environment import EnvSource, EnvVarSource, FileKeySelector, KeySelector
from edgelet.api.errors import EdgeletError
from edgelet.api.pod import Pod
from edgelet.pods import env_file, expansion, pod_fields, references
from edgelet.pods.node_facts import NodeFacts
from edgelet.pods.references import Objects

Kind = Literal["ConfigMap", "Secret"]
Environment = tuple[tuple[str, str], ...]
_NO_FILES: Mapping[tuple[str, str], bytes | None] = {}


def build(
    container: Container,
    pod: Pod,
    *,
    objects: Objects,
    pod_ips: tuple[str, ...],
    node: NodeFacts,
    service_env: Environment = (),
    env_files: Mapping[tuple[str, str], bytes | None] = _NO_FILES,
) -> Environment:
    """Return the variables a container starts with; the image's own are not among them.

    envFrom in list order (later wins), then env in list order (wins over envFrom), then service variables whose names
    are free. References expand to what stands above them and to service variables. `env_files`: by volume and path.

    Raises:
        EdgeletError: CreateContainerConfigError; retried when an object changes.
    """
    sources = _Sources(objects, pod.metadata.namespace)
    services = dict(service_env)
    found: dict[str, str] = {}
    total = 0
    for name, text in _taken_in(container, sources):
        total = expansion.checked_total(total, text)
        found[name] = text
    for variable in container.env:
        if variable.value:
            found[variable.name] = expansion.expand(variable.value, found, services)
            total = expansion.checked_total(total, found[variable.name])
        elif variable.value_from and variable.value_from.file_key_ref:
            value = _of_file(variable.value_from.file_key_ref, env_files)
            if value is not None:
                found[variable.name] = value
        elif variable.value_from:
            value = _resolved(variable.value_from, container, pod, sources=sources, pod_ips=pod_ips, node=node)
            if value is not None:
                found[variable.name] = value
        else:
            found[variable.name] = ""
    for name, value in found.items():
        if "\0" in value:
            raise _fault(f"the value of environment variable {name} contains a NUL byte")
    return (*found.items(), *((name, value) for name, value in service_env if name not in found))


def _taken_in(container: Container, sources: _Sources) -> Iterator[tuple[str, str]]:
    """Yield the variables of envFrom, in order."""
    for source in container.env_from:
        values = sources.every("ConfigMap", source.config_map_ref) if source.config_map_ref else {}
        values |= sources.every("Secret", source.secret_ref) if source.secret_ref else {}
        yield from ((f"{source.prefix or ''}{key}", text) for key, text in values.items())


def _resolved(
    source: EnvVarSource,
    container: Container,
    pod: Pod,
    *,
    sources: _Sources,
    pod_ips: tuple[str, ...],
    node: NodeFacts,
) -> str | None:
    """Return the value of a source; None leaves the variable unset (an optional key that is missing)."""
    if source.config_map_key_ref:
        return sources.one("ConfigMap", source.config_map_key_ref)
    if source.secret_key_ref:
        return sources.one("Secret", source.secret_key_ref)
    try:
        if source.field_ref:
            ips = pod_ips or (node.host_ips if pod.spec.host_network else ())
            return pod_fields.runtime_field(pod, source.field_ref.field_path, pod_ips=ips, node=node)
        if source.resource_field_ref:
            return pod_fields.resource_field(source.resource_field_ref, pod, container, node)
    except ValueError as error:
        raise _fault(str(error)) from error
    return ""


def _of_file(reference: FileKeySelector, env_files: Mapping[tuple[str, str], bytes | None]) -> str | None:
    """Return a key of an environment file; None leaves the variable unset (it is optional and missing)."""
    data = env_files.get((reference.volume_name, reference.path))
    values: dict[str, str] = {}
    if data is not None:
        try:
            values = env_file.parse(data)
        except ValueError as error:
            raise _fault(f'couldn\'t parse env file "{reference.path}": {error}') from error
    elif not reference.optional:
        raise _fault(f'couldn\'t read env file "{reference.path}" of volume "{reference.volume_name}"')
    if reference.key in values or reference.optional:
        return values.get(reference.key)
    raise _fault(f'environment variable key "{reference.key}" not found in file "{reference.path}"')


class _Sources:
    """ConfigMaps and Secrets of one namespace, each looked up and decoded once."""

    def __init__(self, objects: Objects, namespace: str) -> None:
        self._objects = objects
        self._namespace = namespace
        self._found: dict[tuple[Kind, str], Mapping[str, bytes]] = {}

    def every(self, kind: Kind, reference: EnvSource) -> dict[str, str]:
        """Return all keys of an object; none if it is optional and missing."""
        values = self._data(kind, reference.name, optional=bool(reference.optional)) or {}
        return {key: self._text(kind, reference.name, key, value) for key, value in sorted(values.items())}

    def one(self, kind: Kind, reference: KeySelector) -> str | None:
        """Return one key's value; None if it is optional and missing."""
        values = self._data(kind, reference.name, optional=bool(reference.optional))
        if values is None:
            return None
        if reference.key in values:
            return self._text(kind, reference.name, reference.key, values[reference.key])
        if reference.optional:
            return None
        raise _fault(f"couldn't find key {reference.key} in {kind} {self._namespace}/{reference.name}")

    def _data(self, kind: Kind, name: str, *, optional: bool) -> Mapping[str, bytes] | None:
        if (kind, name) not in self._found:
            values = self._look_up(kind, name)
            if values is None and optional:
                return None
            if values is None:
                raise _fault(f'{kind.lower()} "{name}" not found')
            self._found[kind, name] = values
        return self._found[kind, name]

    def _look_up(self, kind: Kind, name: str) -> Mapping[str, bytes] | None:
        if kind == "ConfigMap":
            config_map = self._objects.config_map(self._namespace, name)
            # binaryData is for volumes only
            return {key: text.encode() for key, text in config_map.data.items()} if config_map else None
        try:
            secret = self._objects.secret(self._namespace, name)
            return references.secret_data(secret) if secret else None
        except ValueError as error:
            raise _fault(f"Secret {self._namespace}/{name}: {error}") from error

    def _text(self, kind: Kind, name: str, key: str, value: bytes) -> str:
        try:
            return value.decode()
        except UnicodeDecodeError as error:
            raise _fault(f"key {key} in {kind} {self._namespace}/{name} is not valid UTF-8") from error


def _fault(message: str) -> EdgeletError:
    return EdgeletError("CreateContainerConfigError", message)
