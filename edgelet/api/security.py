"""Rights of a pod's processes."""

from __future__ import annotations

from typing import Any, Literal

from edgelet.api.value import Items, Value


class SELinuxOptions(Value):
    """The SELinux label."""

    user: str | None = None
    role: str | None = None
    type: str | None = None
    level: str | None = None


class ConfinementProfile(Value):
    """A seccomp or AppArmor profile; localhost_profile belongs to type Localhost."""

    type: Literal["RuntimeDefault", "Unconfined", "Localhost"]
    localhost_profile: str | None = None


class Sysctl(Value):
    """A namespaced kernel parameter of the pod."""

    name: str
    value: str


class Capabilities(Value):
    """Names without CAP_; ALL allowed."""

    add: Items[str] = ()
    drop: Items[str] = ()


class PodSecurityContext(Value):
    """Rights that all containers of the pod start from."""

    se_linux_options: SELinuxOptions | None = None
    windows_options: dict[str, Any] | None = None
    run_as_user: int | None = None
    run_as_group: int | None = None
    run_as_non_root: bool | None = None
    supplemental_groups: Items[int] = ()
    supplemental_groups_policy: Literal["Merge", "Strict"] | None = None
    fs_group: int | None = None
    fs_group_change_policy: Literal["Always", "OnRootMismatch"] | None = None
    se_linux_change_policy: Literal["Recursive", "MountOption"] | None = None
    sysctls: Items[Sysctl] = ()
    seccomp_profile: ConfinementProfile | None = None
    app_armor_profile: ConfinementProfile | None = None


class SecurityContext(Value):
    """Rights of one container; what is set here wins over the pod's."""

    capabilities: Capabilities | None = None
    privileged: bool | None = None
    se_linux_options: SELinuxOptions | None = None
    windows_options: dict[str, Any] | None = None
    run_as_user: int | None = None
    run_as_group: int | None = None
    run_as_non_root: bool | None = None
    read_only_root_filesystem: bool | None = None
    allow_privilege_escalation: bool | None = None
    proc_mount: Literal["Default", "Unmasked"] | None = None
    seccomp_profile: ConfinementProfile | None = None
    app_armor_profile: ConfinementProfile | None = None
