"""What of the board itself a pod may have, where policy.toml decides it instead of the profile (pure)."""

from __future__ import annotations

from collections.abc import Iterator
from fnmatch import fnmatchcase
from pathlib import PurePosixPath

from edgelet.api.pod import Pod, PodSpec
from edgelet.config.policy import HostPath, Rules
from edgelet.intake.admission import each_container
from edgelet.intake.admission.violation import Violation
from edgelet.ports.pod_files import HostBound

_DEV = PurePosixPath("/dev")


def violations(pod: Pod, rules: Rules) -> Iterator[Violation]:
    """Give a refusal for each thing of the board that a key forbids; keys that are not there forbid nothing."""
    spec = pod.spec
    yield from _namespaces(spec, rules)
    for path, container in each_container.of(spec):
        context = container.security_context
        if context is None:
            continue
        if context.privileged and rules.privileged is False:
            yield _refusal("privileged", f"{path}.securityContext.privileged", "=true")
        if rules.capabilities is not None and context.capabilities is not None and "ALL" not in rules.capabilities:
            for name in context.capabilities.add:
                if name not in rules.capabilities:
                    yield _refusal("capabilities", f"{path}.securityContext.capabilities.add", f' "{name}"')
    yield from _ports(spec, rules)
    yield from _volumes(spec, rules)


def decided(pod: Pod, rules: Rules, path: str, key: str) -> bool:
    """Whether the policy decides about a field itself, so that the profile has nothing to say about it."""
    if key == "host_ports":
        # Whoever has the host's network listens where he likes: the ports that he names are no further right.
        return rules.host_ports is not None or (rules.host_network is True and pod.spec.host_network is True)
    if key == "host_paths":
        index = int(path.partition("[")[2].partition("]")[0])
        volume = pod.spec.volumes[index].host_path
        return volume is not None and _deciding(volume.path, rules) is not None
    return getattr(rules, key, None) is not None


def bounds(pod: Pod, rules: Rules) -> dict[str, HostBound]:
    """Return where the hostPath of each volume may lead, links followed; a volume that no key allows is left out.

    What may only be read leads to all allowed places, and nothing is made in it: a type such as FileOrCreate, or a
    subPath, would. What may be written leads to those that may be written.
    """
    every = rules.host_paths or ()
    found: dict[str, HostBound] = {}
    for volume in pod.spec.volumes:
        if volume.host_path is None or _deciding(volume.host_path.path, rules) != "host_paths":
            continue
        allowed = [one for one in every if _is_below(volume.host_path.path, one)]
        if allowed:
            read_only = all(one.read_only for one in allowed)
            within = tuple(one.path for one in every if read_only or not one.read_only)
            found[volume.name] = HostBound(within, make=not read_only)
    return found


def _namespaces(spec: PodSpec, rules: Rules) -> Iterator[Violation]:
    shared = (
        ("hostNetwork", spec.host_network, rules.host_network, "host_network"),
        ("hostPID", spec.host_pid, rules.host_pid, "host_pid"),
        ("hostIPC", spec.host_ipc, rules.host_ipc, "host_ipc"),
    )
    for name, wanted, allowed, key in shared:
        if wanted and allowed is False:
            yield _refusal(key, f"spec.{name}", "=true")


def _ports(spec: PodSpec, rules: Rules) -> Iterator[Violation]:
    if rules.host_ports is None:
        return
    for path, container in each_container.of(spec):
        for index, port in enumerate(container.ports):
            number = port.host_port
            if number and not any(one.first <= number <= one.last for one in rules.host_ports):
                yield _refusal("host_ports", f"{path}.ports[{index}].hostPort", f"={number}")


def _volumes(spec: PodSpec, rules: Rules) -> Iterator[Violation]:
    for index, volume in enumerate(spec.volumes):
        if volume.host_path is None:
            continue
        key = _deciding(volume.host_path.path, rules)
        path, shown = f"spec.volumes[{index}].hostPath.path", f' "{volume.host_path.path}"'
        if key == "devices" and not any(_is_device(volume.host_path.path, one) for one in rules.devices or ()):
            yield _refusal("devices", path, shown)
        elif key == "host_paths":
            allowed = [one for one in rules.host_paths or () if _is_below(volume.host_path.path, one)]
            if not allowed:
                yield _refusal("host_paths", path, shown)
            elif all(one.read_only for one in allowed):
                yield from _writers(spec, volume.name, volume.host_path.path)


def _writers(spec: PodSpec, volume: str, where: str) -> Iterator[Violation]:
    """Give a refusal for each mount that can write. Plain `readOnly` leaves what is mounted further down writable.

    Source: KEP-3857; `IfPossible` would be plain `readOnly` on an old kernel.
    """
    for path, container in each_container.of(spec):
        for index, mount in enumerate(container.volume_mounts):
            at = f"{path}.volumeMounts[{index}]"
            if mount.name != volume:
                continue
            if not mount.read_only:
                yield _refusal("host_paths", f"{at}.readOnly", f': "{where}" may only be read')
            elif mount.recursive_read_only != "Enabled":
                why = f': "{where}" may only be read, with what is mounted in it: say Enabled'
                yield _refusal("host_paths", f"{at}.recursiveReadOnly", why)


def _deciding(path: str, rules: Rules) -> str | None:
    """Return the key that decides about a path of the board; None where that is the profile."""
    if rules.devices is not None and _plain(path).is_relative_to(_DEV):
        return "devices"
    return "host_paths" if rules.host_paths is not None else None


def _is_below(path: str, allowed: HostPath) -> bool:
    return ".." not in path.split("/") and _plain(path).is_relative_to(allowed.path)


def _is_device(path: str, pattern: str) -> bool:
    names, patterns = _plain(path).parts, PurePosixPath(pattern).parts
    if ".." in names or len(names) < len(patterns):
        return False
    return all(fnmatchcase(name, one) for name, one in zip(names, patterns, strict=False))


def _plain(path: str) -> PurePosixPath:
    """Return the path without doubled slashes and dots, which the kernel passes over too."""
    return PurePosixPath("/", *filter(None, path.split("/")))


def _refusal(key: str, path: str, detail: str) -> Violation:
    return Violation(key, path, detail, ours=True)
