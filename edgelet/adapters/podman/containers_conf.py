"""The containers.conf that we hand to Podman by CONTAINERS_CONF, instead of every other one. Pure: text from values.

The file must stay as long as containers run: conmon's exit command reads it too.
"""

from __future__ import annotations

import hashlib
import ipaddress
import json
import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from edgelet.adapters.podman.detect import CgroupManager
from edgelet.api.errors import EngineError

# What containerd gives under Kubernetes; Podman 5 would give less (no MKNOD, NET_RAW, AUDIT_WRITE), Debian's file too.
_CAPABILITIES = [
    *("AUDIT_WRITE", "CHOWN", "DAC_OVERRIDE", "FOWNER", "FSETID", "KILL", "MKNOD"),
    *("NET_BIND_SERVICE", "NET_RAW", "SETFCAP", "SETGID", "SETPCAP", "SETUID", "SYS_CHROOT"),
]

Table = Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Choices:
    """Everything that was decided, with absolute paths."""

    runtime_name: str
    runtime_path: Path
    cgroup_manager: CgroupManager
    open_files: int
    processes: int
    network_backend: str
    network_name: str
    network_config_dir: Path
    copy_dir: Path  # on disk: a pull needs twice the layer there
    tmp_dir: Path | None  # None = the host's storage with its own tmp_dir and locks


def render(choices: Choices, base_text: str = "") -> str:
    """Return the file: `base_text` (the administrator's), overlaid with what must be ours.

    Raises:
        EngineError: EngineUnavailable: the base is no TOML or has a value where a table belongs.
    """
    try:
        base = tomllib.loads(base_text)
    except tomllib.TOMLDecodeError as error:
        raise EngineError("EngineUnavailable", f"cannot read [podman] containers_conf: {error}") from error
    merged = _overlay(_defaults(), base)
    limits = _limits(merged["containers"].get("default_ulimits", ()), choices)
    merged = _overlay(merged, _ours(choices, limits))
    return "# Written by edgelet at each start; changes are lost.\n" + to_toml(merged)


def network_document(name: str, bridge: str, pool: str) -> str:
    """Return the JSON file of the pods' network, as netavark keeps it."""
    subnet = ipaddress.ip_network(pool)
    document = {
        "name": name,
        "id": hashlib.sha256(name.encode()).hexdigest(),
        "driver": "bridge",
        "network_interface": bridge,
        "created": "2024-01-01T00:00:00Z",  # required by the format; constant, so that the file never changes
        "subnets": [{"subnet": str(subnet), "gateway": str(subnet[1])}],
        "ipv6_enabled": False,
        "internal": False,
        "dns_enabled": False,
        "ipam_options": {"driver": "host-local"},
    }
    return json.dumps(document, indent=1)


def _defaults() -> dict[str, Any]:
    return {
        "containers": {
            "default_capabilities": _CAPABILITIES,
            "http_proxy": False,  # Kubernetes gives containers no proxy of the host's
        },
        "engine": {"events_logger": "none"},  # nobody reads them; a file of them is written on every change
        "network": {},
    }


def _ours(choices: Choices, limits: list[str]) -> dict[str, Any]:
    engine: dict[str, Any] = {
        "runtime": choices.runtime_name,
        "runtimes": {choices.runtime_name: [str(choices.runtime_path)]},
        "cgroup_manager": choices.cgroup_manager,
        "image_copy_tmp_dir": str(choices.copy_dir),
    }
    if choices.tmp_dir is not None:
        engine["tmp_dir"] = str(choices.tmp_dir)
        engine["lock_type"] = "file"  # the other kind is one shared memory for all storages of the machine
    return {
        "containers": {"default_ulimits": limits, "log_driver": "k8s-file"},
        "engine": engine,
        "network": {
            "network_backend": choices.network_backend,
            "network_config_dir": str(choices.network_config_dir),
            "default_network": choices.network_name,
        },
    }


def _limits(base: object, choices: Choices) -> list[str]:
    """Keep the administrator's limits as far as they can be had; a limit above the host's stops every start."""
    hard = {"nofile": choices.open_files, "nproc": choices.processes}
    wanted = {name: f"{name}={value}:{value}" for name, value in hard.items()}
    for entry in base if isinstance(base, list) else []:
        name, _, numbers = str(entry).partition("=")
        if name in hard:
            soft, _, ceiling = numbers.partition(":")
            top = _at_most(ceiling or soft, hard[name])
            wanted[name] = f"{name}={min(_at_most(soft, hard[name]), top)}:{top}"
        else:
            wanted[name] = str(entry)
    return list(wanted.values())


def _at_most(number: str, bound: int) -> int:
    return min(int(number), bound) if number.isdigit() else bound  # -1 and "unlimited" are the bound


def _overlay(base: Table, top: Table) -> dict[str, Any]:
    merged = dict(base)
    for key, value in top.items():
        below = merged.get(key)
        if isinstance(below, Mapping) != isinstance(value, Mapping) and below is not None:
            raise EngineError("EngineUnavailable", f"cannot use [podman] containers_conf: {key} has the wrong form")
        merged[key] = _overlay(below, value) if isinstance(below, Mapping) else value
    return merged


def to_toml(table: Table, path: tuple[str, ...] = ()) -> str:
    """Write a table with its sub-tables. Values are strings, numbers, booleans and lists of them."""
    plain = {key: value for key, value in table.items() if not isinstance(value, Mapping)}
    lines = [f"{_key(key)} = {_value(value)}" for key, value in plain.items()]
    header = [f"[{'.'.join(map(_key, path))}]"] if path and (plain or len(plain) == len(table)) else []
    own = "\n".join((*header, *lines)) + "\n" if header or lines else ""
    below = (to_toml(value, (*path, key)) for key, value in table.items() if isinstance(value, Mapping))
    return own + "".join(below)


def _key(name: str) -> str:
    return name if re.fullmatch(r"[A-Za-z0-9_-]+", name) else _quoted(name)


def _quoted(text: str) -> str:
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")  # TOML's basic string is JSON's, but for DEL


def _value(value: object) -> str:
    match value:
        case bool():
            return "true" if value else "false"
        case int() | float():
            return str(value)
        case str():
            return _quoted(value)
        case list() | tuple():
            return f"[{', '.join(map(_value, value))}]"
        case dict():
            return f"{{{', '.join(f'{_key(key)} = {_value(item)}' for key, item in value.items())}}}"
        case _:
            raise EngineError("EngineUnavailable", f"cannot use [podman] containers_conf: value {value!r} is not known")
