"""From a document that somebody sent to the one that is stored: shape, types, defaults, rules, this board's abilities.

Pure: every fault is found in one go and raised together.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from edgelet.api import huge_pages
from edgelet.api.config_map import ConfigMap
from edgelet.api.container import ResourceRequirements
from edgelet.api.errors import DecodeError, FieldError, InvalidObjectError
from edgelet.api.kinds import Kind
from edgelet.api.namespace import Namespace
from edgelet.api.pod import Pod
from edgelet.api.secret import Secret
from edgelet.api.value import Value
from edgelet.intake import conform, defaults, faults, typed, update
from edgelet.intake.admission import walk
from edgelet.intake.admission.in_force import PolicyInForce
from edgelet.intake.validation import config, pod

_MODELS: dict[str, type[Value]] = {"Pod": Pod, "ConfigMap": ConfigMap, "Secret": Secret, "Namespace": Namespace}

# What the store owns, and what nobody keeps here; whatever a client says there is not listened to.
_NOT_THE_CLIENTS = (
    "uid",
    "resourceVersion",
    "generation",
    "creationTimestamp",
    "deletionTimestamp",
    "deletionGracePeriodSeconds",
    "selfLink",
    "managedFields",
)
_MAX_WARNINGS = 20
_NO_MEMORY_CGROUP = (
    "this kernel runs without the memory control group: append cgroup_enable=memory cgroup_memory=1 to its command "
    "line (/boot/firmware/cmdline.txt on Raspberry Pi OS) and reboot"
)
_NO_HUGETLB_CGROUP = "the containers of this node run without the hugetlb control group, which limits huge pages"


@dataclass(frozen=True, slots=True, kw_only=True)
class House:
    """The rules of this board."""

    node_name: str
    policy: PolicyInForce = field(default_factory=PolicyInForce)
    memory_limits: bool = True  # whether the kernel can keep them
    huge_page_limits: bool = True  # whether the kernel can keep them
    no_user_namespaces: str = ""  # why pods cannot have users of their own, for people


@dataclass(frozen=True, slots=True)
class Admitted:
    """A document ready to be stored, and what people should know about it."""

    document: dict[str, Any]
    warnings: tuple[str, ...] = ()


def admit(
    document: Mapping[str, Any], kind: Kind, *, house: House, old: Mapping[str, Any] | None = None, strict: bool = False
) -> Admitted:
    """Return the document as it is stored. `old` is the version it replaces. The policy is asked by who stores it.

    Raises:
        DecodeError: strict, and a field that Kubernetes does not know.
        InvalidObjectError: Faults, all of them.
    """
    model = _MODELS[kind.kind]
    shaped = conform.conform(_desired(document), model)
    if shaped.unknown and strict:
        listed = ", ".join(f'unknown field "{path}"' for path in shaped.unknown[:_MAX_WARNINGS])
        raise DecodeError(f"strict decoding error: {listed}")
    value, wrong = typed.parse(shaped.document, model)
    wrong = (*shaped.faults, *wrong)
    if value is None:
        raise _invalid(kind, document, wrong)
    sent = value.to_document()
    sent.pop("status", None)
    refused = (
        *_refused(sent),
        *_memory_limits(value, house),
        *_huge_pages(value, house),
        *_user_namespaces(value, house),
    )
    if kind.kind == "Pod":
        update.inherit(old or {}, sent)
        sent["spec"]["nodeName"] = sent["spec"].get("nodeName") or house.node_name
    complete = defaults.complete(sent)
    found = (*_rules(model.model_validate(complete), house, created=old is None), *refused)
    if wrong or found:
        raise _invalid(kind, document, typed.beside(wrong, found))
    return Admitted(complete, tuple(f'unknown field "{path}"' for path in shaped.unknown[:_MAX_WARNINGS]))


def _rules(value: Value, house: House, *, created: bool) -> Iterable[FieldError]:
    match value:
        case Pod():
            return pod.check(value, node_name=house.node_name, created=created)
        case ConfigMap():
            return config.check_config_map(value)
        case Secret():
            return config.check_secret(value)
        case Namespace():
            return config.check_namespace(value)
        case _:
            raise TypeError(f"no rules for {type(value).__name__}")


def _refused(sent: Mapping[str, Any]) -> tuple[FieldError, ...]:
    """Return what this board does not do; asked before defaults, which nobody wrote."""
    found: list[FieldError] = []
    if sent["metadata"].get("finalizers"):
        found.append(faults.forbidden("metadata.finalizers", "finalizers are not supported by this version of edgelet"))
    if sent["kind"] == "Pod":
        found += walk.refused(sent["spec"])
    return tuple(found)


def _memory_limits(value: Value, house: House) -> Iterable[FieldError]:
    """Yield the limits of memory where the kernel keeps none: they would be a promise that nobody holds."""
    if house.memory_limits or not isinstance(value, Pod):
        return
    yield from (
        faults.forbidden(f"{path}.limits[memory]", _NO_MEMORY_CGROUP)
        for path, one in _resources(value)
        if "memory" in one.limits
    )


def _huge_pages(value: Value, house: House) -> Iterable[FieldError]:
    """Yield what is asked for of huge pages where the kernel limits nobody's: one pod would take those of another."""
    if house.huge_page_limits or not isinstance(value, Pod):
        return
    for path, one in _resources(value):
        for name in filter(huge_pages.is_resource, one.limits):
            yield faults.forbidden(f"{path}.limits[{name}]", _NO_HUGETLB_CGROUP)


def _resources(pod: Pod) -> Iterable[tuple[str, ResourceRequirements]]:
    spec = pod.spec
    if spec.resources:
        yield "spec.resources", spec.resources
    for name, containers in (("containers", spec.containers), ("initContainers", spec.init_containers)):
        yield from ((f"spec.{name}[{index}].resources", one.resources) for index, one in enumerate(containers))


def _user_namespaces(value: Value, house: House) -> Iterable[FieldError]:
    """Yield what does not go with users of the pod's own: a board that has none, files that stay another's."""
    if not isinstance(value, Pod) or value.spec.host_users is not False:
        return
    if house.no_user_namespaces:
        yield faults.forbidden("spec.hostUsers", house.no_user_namespaces)
    for index, volume in enumerate(value.spec.volumes):
        if volume.image is not None:
            detail = "when `hostUsers` is false: the files of an image would belong to nobody of the pod"
            yield faults.forbidden(f"spec.volumes[{index}].image", detail)


def _desired(document: Mapping[str, Any]) -> dict[str, Any]:
    """Return a copy without status and without what is not the client's to say."""
    desired = {name: value for name, value in document.items() if name != "status"}
    metadata = desired.get("metadata")
    if isinstance(metadata, Mapping):
        desired["metadata"] = {name: value for name, value in metadata.items() if name not in _NOT_THE_CLIENTS}
    return desired


def _invalid(kind: Kind, document: Mapping[str, Any], found: tuple[FieldError, ...]) -> InvalidObjectError:
    metadata = document.get("metadata")
    name = metadata.get("name") or metadata.get("generateName") if isinstance(metadata, Mapping) else ""
    return InvalidObjectError(kind.kind, name if isinstance(name, str) else "", found)
