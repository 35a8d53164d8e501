"""Rules for a container's environment, and for what may be asked of the pod itself."""

from __future__ import annotations

import re
from collections.abc import Iterator

from edgelet.api import names
from edgelet.api.environment import (
    EnvFromSource,
    EnvVar,
    EnvVarSource,
    FileKeySelector,
    KeySelector,
    ResourceFieldSelector,
)
from edgelet.api.errors import FieldError
from edgelet.intake import faults
from edgelet.intake.validation import relative_path

_METADATA_FIELDS = ("metadata.name", "metadata.namespace", "metadata.uid")
ENV_FIELDS = (
    *_METADATA_FIELDS,
    "spec.nodeName",
    "spec.serviceAccountName",
    "status.hostIP",
    "status.hostIPs",
    "status.podIP",
    "status.podIPs",
)
VOLUME_FIELDS = (*_METADATA_FIELDS, "metadata.labels", "metadata.annotations")

_SUBSCRIPT = re.compile(r"metadata\.(labels|annotations)\['([^']*)'\]")
_RESOURCES = tuple(
    f"{part}.{name}" for part in ("limits", "requests") for name in ("cpu", "memory", "ephemeral-storage")
)
_MAX_FILE_KEY = 128
_HUGE_PAGES = re.compile(r"(limits|requests)\.hugepages-.+")
_DIVISORS = {"cpu": ("0", "1m", "1")}
_BYTE_DIVISORS = (
    "0",
    "1",
    *(f"1{unit}" for unit in ("k", "M", "G", "T", "P", "E", "Ki", "Mi", "Gi", "Ti", "Pi", "Ei")),
)


def check_variables(variables: tuple[EnvVar, ...], path: str) -> Iterator[FieldError]:
    """Check names, and that each variable has one source at most."""
    for index, variable in enumerate(variables):
        here = f"{path}[{index}]"
        if not variable.name:
            yield faults.required(f"{here}.name")
        elif fault := names.env_var_name(variable.name):
            yield faults.invalid(f"{here}.name", variable.name, fault)
        if variable.value_from is not None:
            if variable.value:
                yield faults.wrong_type(f"{here}.valueFrom", "may not be specified when `value` is not empty")
            yield from _source(variable.value_from, f"{here}.valueFrom")


def check_sources(sources: tuple[EnvFromSource, ...], path: str) -> Iterator[FieldError]:
    """Check envFrom."""
    for index, source in enumerate(sources):
        here = f"{path}[{index}]"
        if source.prefix and (fault := names.env_var_name(source.prefix)):
            yield faults.invalid(f"{here}.prefix", source.prefix, fault)
        given = [
            (name, reference)
            for name, reference in (("configMapRef", source.config_map_ref), ("secretRef", source.secret_ref))
            if reference is not None
        ]
        if not given:
            yield faults.wrong_type(here, "must specify one of: `configMapRef` or `secretRef`")
        if len(given) > 1:
            yield faults.wrong_type(here, "may not have more than one field specified at a time")
        for name, reference in given:
            yield from object_name(reference.name, f"{here}.{name}.name")


def object_name(name: str, path: str) -> Iterator[FieldError]:
    """Check the name of an object that is referred to."""
    if not name:
        yield faults.required(path)
    elif fault := names.dns_subdomain(name):
        yield faults.invalid(path, name, fault)


def _source(source: EnvVarSource, path: str) -> Iterator[FieldError]:
    given = (
        source.field_ref,
        source.resource_field_ref,
        source.config_map_key_ref,
        source.secret_key_ref,
        source.file_key_ref,
    )
    count = sum(one is not None for one in given)
    if count == 0:
        kinds = "`fieldRef`, `resourceFieldRef`, `configMapKeyRef`, `secretKeyRef` or `fileKeyRef`"
        yield faults.wrong_type(path, f"must specify one of: {kinds}")
    elif count > 1:
        yield faults.wrong_type(path, "may not have more than one field specified at a time")
    if source.field_ref is not None:
        yield from check_field(source.field_ref.field_path, f"{path}.fieldRef.fieldPath", ENV_FIELDS)
    if source.resource_field_ref is not None:
        yield from check_resource(source.resource_field_ref, f"{path}.resourceFieldRef")
    for name, selector in (("configMapKeyRef", source.config_map_key_ref), ("secretKeyRef", source.secret_key_ref)):
        if selector is not None:
            yield from _key(selector, f"{path}.{name}")
    if source.file_key_ref is not None:
        yield from _file_key(source.file_key_ref, f"{path}.fileKeyRef")


def _key(selector: KeySelector, path: str) -> Iterator[FieldError]:
    yield from object_name(selector.name, f"{path}.name")
    if not selector.key:
        yield faults.required(f"{path}.key")
    elif fault := names.config_map_key(selector.key):
        yield faults.invalid(f"{path}.key", selector.key, fault)


def _file_key(selector: FileKeySelector, path: str) -> Iterator[FieldError]:
    if not selector.volume_name:
        yield faults.required(f"{path}.volumeName")
    yield from relative_path.check(selector.path, f"{path}.path")
    if not selector.key:
        yield faults.required(f"{path}.key")
    elif fault := names.env_var_name(selector.key):
        yield faults.invalid(f"{path}.key", selector.key, fault)
    elif len(selector.key) > _MAX_FILE_KEY:
        yield faults.too_long(f"{path}.key", _MAX_FILE_KEY, "bytes")


def check_field(field: str, path: str, allowed: tuple[str, ...]) -> Iterator[FieldError]:
    """Check that a field of the pod may be asked for; single labels and annotations always may."""
    if not field:
        yield faults.required(path)
    elif match := _SUBSCRIPT.fullmatch(field):
        key = match[2]
        if fault := names.qualified_name(key if match[1] == "labels" else key.lower()):
            yield faults.invalid(path, field, fault)
    elif field not in allowed:
        yield faults.unsupported(path, field, (*allowed, "metadata.labels['<KEY>']", "metadata.annotations['<KEY>']"))


def check_resource(
    selector: ResourceFieldSelector, path: str, *, needs_container: bool = False
) -> Iterator[FieldError]:
    """Check a reference to a container's resources."""
    if needs_container and not selector.container_name:
        yield faults.required(f"{path}.containerName")
    if not selector.resource:
        yield faults.required(f"{path}.resource")
    elif selector.resource not in _RESOURCES and not _HUGE_PAGES.fullmatch(selector.resource):
        yield faults.unsupported(f"{path}.resource", selector.resource, _RESOURCES)
    elif selector.divisor is not None:
        allowed = _DIVISORS.get(selector.resource.partition(".")[2], _BYTE_DIVISORS)
        if str(selector.divisor) not in allowed:
            yield faults.unsupported(f"{path}.divisor", str(selector.divisor), allowed)
