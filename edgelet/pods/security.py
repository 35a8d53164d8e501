"""The rights of a container's process: the container's security context over the pod's.

Source: Kubernetes pkg/securitycontext/util.go, pkg/kubelet/kuberuntime/security_context{,_others}.go, helpers.go.
"""

from __future__ import annotations

import posixpath
from typing import Protocol, TypeVar

from edgelet.api.container import Container
from edgelet.api.errors import EdgeletError
from edgelet.api.pod import Pod
from edgelet.api.security import Capabilities, PodSecurityContext, SecurityContext, SELinuxOptions
from edgelet.ports.runtime import Security

# A container that says nothing about seccomp runs without, as under a kubelet without --seccomp-default.
# "" here would be the engine's default profile for everybody (the kubelet's seccompDefault: true).
SECCOMP_DEFAULT = "unconfined"

# containerd gives these beyond Podman's default set, and images rely on them: ping needs NET_RAW.
_CONTAINERD_EXTRA = frozenset({"AUDIT_WRITE", "MKNOD", "NET_RAW"})
_ALL = "ALL"
_MAX_USER_ID = 2**31 - 1
Chosen = TypeVar("Chosen")


class ImageUser(Protocol):
    """Who an image runs as: "", "1000", "www-data", "1000:1000"."""

    @property
    def user(self) -> str: ...


def user_of_image_groups(pod: Pod, container: Container, image_user: str) -> str:
    """Return whose groups in the image are to be added; "" where nobody's, or where the engine sees to it.

    Podman adds them only to a user without a group of his own; Kubernetes, by the policy Merge, always.

    Source: containerd's WithAdditionalGIDs; KEP-3619.
    """
    own = container.security_context or SecurityContext()
    whole = pod.spec.security_context or PodSecurityContext()
    user = _first(own.run_as_user, whole.run_as_user)
    name, colon, _ = image_user.partition(":")
    with_group = _first(own.run_as_group, whole.run_as_group) is not None or (user is None and bool(colon))
    if not with_group or whole.supplemental_groups_policy == "Strict":
        return ""
    return str(user) if user is not None else name or "0"


def resolve(
    pod: Pod,
    container: Container,
    *,
    image: ImageUser,
    seccomp_directory: str,
    image_groups: tuple[int, ...] = (),
) -> Security:
    """Return the rights of the container's process. `image_groups`: of whom `user_of_image_groups` named.

    Raises:
        EdgeletError: CreateContainerConfigError where runAsNonRoot forbids what the pod or the image asks for.
    """
    own = container.security_context or SecurityContext()
    whole = pod.spec.security_context or PodSecurityContext()
    user = _first(own.run_as_user, whole.run_as_user)
    if _first(own.run_as_non_root, whole.run_as_non_root):
        _check_non_root(pod, container, user, image.user)
    add, drop = ((), ()) if own.privileged else _capabilities(own.capabilities or Capabilities())
    return Security(
        user=_user(user, _first(own.run_as_group, whole.run_as_group), image.user),
        groups=tuple(dict.fromkeys((*_groups(whole), *image_groups))),
        privileged=bool(own.privileged),
        no_new_privileges=own.allow_privilege_escalation is False,
        read_only_root=bool(own.read_only_root_filesystem),
        capabilities_add=add,
        capabilities_drop=drop,
        seccomp=_seccomp(own, whole, seccomp_directory),
        apparmor=_apparmor(own, whole),
        selinux=_selinux(own.se_linux_options or whole.se_linux_options),
        unmask_proc=own.proc_mount == "Unmasked",
    )


def _first(own: Chosen | None, whole: Chosen | None) -> Chosen | None:
    return whole if own is None else own


def _check_non_root(pod: Pod, container: Container, user: int | None, image_user: str) -> None:
    """Source: verifyRunAsNonRoot, its messages."""
    where = f'(pod: "{pod.metadata.name}_{pod.metadata.namespace}({pod.metadata.uid})", container: {container.name})'
    name = image_user.partition(":")[0]
    if user == 0:
        message = "container's runAsUser breaks non-root policy"
    elif user is not None:
        return
    elif name and not (name.isascii() and name.isdigit()):
        message = f"container has runAsNonRoot and image has non-numeric user ({name}), cannot verify user is non-root"
    elif int(name or 0) == 0:
        message = "container has runAsNonRoot and image will run as root"
    elif int(name) > _MAX_USER_ID:
        message = (
            f"container has runAsNonRoot and image has an invalid user id ({name}). (Must be 1-({_MAX_USER_ID})): "
            f"must be between 0 and {_MAX_USER_ID}, inclusive"
        )
    else:
        return
    raise EdgeletError("CreateContainerConfigError", f"{message} {where}")


def _user(user: int | None, group: int | None, image_user: str) -> str | None:
    if user is None and group is None:
        return None
    name = str(user) if user is not None else image_user.partition(":")[0] or "0"
    return name if group is None else f"{name}:{group}"


def _groups(whole: PodSecurityContext) -> tuple[int, ...]:
    first = () if whole.fs_group is None else (whole.fs_group,)
    return tuple(dict.fromkeys((*first, *whole.supplemental_groups)))


def _capabilities(wanted: Capabilities) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return what to add to and drop from Podman's default set so that containerd's result comes out.

    containerd drops ALL first, then adds, then drops by name; Podman refuses a name that is on both lists.
    """
    add = {name.upper().removeprefix("CAP_") for name in wanted.add}
    drop = {name.upper().removeprefix("CAP_") for name in wanted.drop}
    if _ALL in drop:
        # ALL on both sides: nothing is left but what is added by name.
        return tuple(sorted(add - drop - {_ALL})), (_ALL,)
    if _ALL in add:
        return (_ALL,), tuple(sorted(drop))
    return tuple(sorted((add | _CONTAINERD_EXTRA) - drop)), tuple(sorted(drop))


def _seccomp(own: SecurityContext, whole: PodSecurityContext, directory: str) -> str:
    profile = own.seccomp_profile or whole.seccomp_profile
    if own.privileged:
        return "unconfined"
    if profile is None:
        return SECCOMP_DEFAULT
    match profile.type:
        case "RuntimeDefault":
            return ""
        case "Unconfined":
            return "unconfined"
        case "Localhost":
            path = posixpath.normpath(posixpath.join(directory, profile.localhost_profile or ""))
            if not path.startswith(f"{directory}/"):
                message = "localhostProfile must be a path below the node's seccomp directory"
                raise EdgeletError("CreateContainerConfigError", message)
            return path


def _apparmor(own: SecurityContext, whole: PodSecurityContext) -> str:
    profile = own.app_armor_profile or whole.app_armor_profile
    if own.privileged:
        return "unconfined"
    if profile is None or profile.type == "RuntimeDefault":
        return ""
    if profile.type == "Unconfined":
        return "unconfined"
    name = profile.localhost_profile or ""
    if name.strip() == "unconfined":  # the engine's word for none; of a pod that was stored before it was refused
        raise EdgeletError("CreateContainerConfigError", "localhostProfile unconfined is no AppArmor profile")
    return name


def _selinux(options: SELinuxOptions | None) -> tuple[str, ...]:
    if options is None:
        return ()
    parts = {"user": options.user, "role": options.role, "type": options.type, "level": options.level}
    return tuple(f"{name}:{value}" for name, value in parts.items() if value)
