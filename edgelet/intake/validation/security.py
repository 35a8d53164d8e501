"""Rules for the rights of processes."""

from __future__ import annotations

import re
from collections.abc import Iterator

from edgelet.api.errors import FieldError
from edgelet.api.security import ConfinementProfile, PodSecurityContext, SecurityContext
from edgelet.intake import faults
from edgelet.intake.validation import relative_path

_MAX_ID = 2**31 - 1
_MAX_SYSCTL_CHARACTERS = 253
_SYSCTL = re.compile(r"[a-z0-9]([-_a-z0-9]*[a-z0-9])?([./][a-z0-9]([-_a-z0-9]*[a-z0-9])?)*", re.ASCII)


def check_pod(context: PodSecurityContext, path: str) -> Iterator[FieldError]:
    """Check ids, sysctls and profiles of a pod."""
    yield from _ids(context, path)
    if context.fs_group is not None:
        yield from _id(context.fs_group, f"{path}.fsGroup")
    for index, group in enumerate(context.supplemental_groups):
        yield from _id(group, f"{path}.supplementalGroups[{index}]")
    seen: set[str] = set()
    for index, sysctl in enumerate(context.sysctls):
        where = f"{path}.sysctls[{index}].name"
        if not sysctl.name:
            yield faults.required(where)
        elif len(sysctl.name) > _MAX_SYSCTL_CHARACTERS or not _SYSCTL.fullmatch(sysctl.name):
            detail = f"must have at most {_MAX_SYSCTL_CHARACTERS} characters and match regex {_SYSCTL.pattern}"
            yield faults.invalid(where, sysctl.name, detail)
        elif sysctl.name.replace("/", ".") in seen:
            yield faults.duplicate(where, sysctl.name)
        seen.add(sysctl.name.replace("/", "."))


def check_container(context: SecurityContext, path: str, *, user_namespace: bool) -> Iterator[FieldError]:
    """Check ids, profiles, and rights that contradict each other."""
    yield from _ids(context, path)
    added = {name.upper().removeprefix("CAP_") for name in context.capabilities.add} if context.capabilities else set()
    if context.allow_privilege_escalation is False:
        if context.privileged:
            detail = "cannot set `allowPrivilegeEscalation` to false and `privileged` to true"
            yield faults.invalid(path, "allowPrivilegeEscalation", detail)
        if "SYS_ADMIN" in added:
            detail = "cannot set `allowPrivilegeEscalation` to false and `capabilities.Add` CAP_SYS_ADMIN"
            yield faults.invalid(path, "allowPrivilegeEscalation", detail)
    if context.proc_mount == "Unmasked" and not user_namespace:
        yield faults.invalid(f"{path}.procMount", "Unmasked", "`hostUsers` must be false to use `Unmasked`")


def _ids(context: PodSecurityContext | SecurityContext, path: str) -> Iterator[FieldError]:
    if context.run_as_user is not None:
        yield from _id(context.run_as_user, f"{path}.runAsUser")
    if context.run_as_group is not None:
        yield from _id(context.run_as_group, f"{path}.runAsGroup")
    if context.seccomp_profile is not None:
        yield from _profile(context.seccomp_profile, f"{path}.seccompProfile", is_path=True)
    if context.app_armor_profile is not None:
        yield from _profile(context.app_armor_profile, f"{path}.appArmorProfile", is_path=False)


def _id(number: int, path: str) -> Iterator[FieldError]:
    if not 0 <= number <= _MAX_ID:
        yield faults.out_of_range(path, number, 0, _MAX_ID)


def _profile(profile: ConfinementProfile, path: str, *, is_path: bool) -> Iterator[FieldError]:
    where = f"{path}.localhostProfile"
    if profile.type != "Localhost":
        if profile.localhost_profile is not None:
            yield faults.invalid(where, profile.localhost_profile, "can only be set when type is Localhost")
    elif not profile.localhost_profile:
        yield faults.required(where, "must be set when type is Localhost")
    elif is_path:
        yield from relative_path.check_inner(profile.localhost_profile, where)
    elif profile.localhost_profile.strip() == "unconfined":  # the engine's word for no profile at all
        yield faults.invalid(where, profile.localhost_profile, "is no profile; type Unconfined says that")
