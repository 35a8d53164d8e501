"""Which local port goes to which port of a pod: `8080:80`, `80`, `:80`, `8080:http`; else kubectl's words."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from edgelet.cli.failure import CliError

_MAXIMUM = 65535
_DIGITS = 100  # Python reads no number of thousands of them


@dataclass(frozen=True, slots=True)
class PortPair:
    """A local port, 0 for any that is free, and the pod's."""

    local: int
    remote: int

    def __str__(self) -> str:
        return f"{{{self.local} {self.remote}}}"


def parse(text: str, pod: Mapping[str, Any]) -> PortPair:
    """Read one pair against the pod, which knows its ports by name.

    Raises:
        CliError: It is none, or the pod has no such port, or only for UDP.
    """
    parts = text.split(":")
    if len(parts) > 2:  # noqa: PLR2004  a pair
        raise CliError(f"invalid port format '{text}'")
    remote_text = parts[-1]
    remote = _named(pod, remote_text) if not _is_number(remote_text) else _number(remote_text, "remote")
    if remote == 0:
        raise CliError("remote port must be > 0")
    protocols = {one.get("protocol") or "TCP" for one in _ports(pod) if one.get("containerPort") == remote}
    if protocols == {"UDP"}:
        raise CliError(f"UDP protocol is not supported for {remote_text}")
    if len(parts) == 1:
        return PortPair(remote, remote)
    return PortPair(_number(parts[0], "local") if parts[0] else 0, remote)


def _number(text: str, which: str) -> int:
    if not _is_number(text):
        raise CliError(f"error parsing {which} port '{text}': invalid syntax")
    if len(text) > _DIGITS or int(text) > _MAXIMUM:
        raise CliError(f"error parsing {which} port '{text[:_DIGITS]}': value out of range")
    return int(text)


def _named(pod: Mapping[str, Any], name: str) -> int:
    for one in _ports(pod):
        if name and one.get("name") == name:
            return int(one["containerPort"])
    raise CliError(f"Pod '{pod['metadata']['name']}' does not have a named port '{name}'")


def _ports(pod: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """The ports of all containers, sidecars too."""
    spec = pod.get("spec") or {}
    every = [*(spec.get("containers") or []), *(spec.get("initContainers") or [])]
    return [port for one in every for port in one.get("ports") or []]


def _is_number(text: str) -> bool:
    return text.isascii() and text.isdecimal()
