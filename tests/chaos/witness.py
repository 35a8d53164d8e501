"""What is: seen by podman's command line, the kernel, the firewall and the broker; never by asking the agent."""

from __future__ import annotations

import contextlib
import json
import re
import subprocess
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.chaos import board as boards
from tests.chaos import processes
from tests.chaos.board import ROOT, Board, Site

_ID = re.compile(r"[0-9a-f]{64}")
_COPIES_BYTES = 0  # of pulls that are over
_UID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")


@dataclass(frozen=True, slots=True)
class Container:
    """One container as podman tells it and the kernel confirms it."""

    id: str
    pod: str  # name of the Kubernetes pod; "" where the labels do not say
    pod_uid: str
    name: str  # "" for an infra container
    running: bool  # podman says so and the process is there
    pid: int
    image: str
    network: str  # the network namespace it is in, as the kernel calls it; "" where it does not run
    address: str  # in that namespace; "" for the board's own
    environment: frozenset[str] = frozenset()


@dataclass(slots=True)
class Seen:
    """The whole board at one moment."""

    containers: list[Container] = field(default_factory=list)
    stray: list[str] = field(default_factory=list)  # external containers, pods without a label
    pod_ids: set[str] = field(default_factory=set)  # podman's own
    conmons: list[str] = field(default_factory=list)  # container ids
    processes: list[str] = field(default_factory=list)  # others that nobody accounts for
    statuses: dict[str, dict[str, Any]] = field(default_factory=dict)  # by topic below the node's root
    ids_by_place: dict[str, set[str]] = field(default_factory=dict)  # places that name containers or pods of podman
    uids_by_place: dict[str, set[str]] = field(default_factory=dict)  # places that name Kubernetes uids
    addresses: set[str] = field(default_factory=set)  # in the firewall
    veths: int = 0
    namespaces: set[str] = field(default_factory=set)  # network namespaces that a mount keeps
    complaints: list[str] = field(default_factory=list)  # of somebody else on this board


def statuses(site: Site) -> dict[str, dict[str, Any]]:
    """Ask the broker for what it retains of the node's word, by topic below the node's root."""
    return _retained(site, "status/#")


def desired(site: Site) -> dict[str, dict[str, Any]]:
    """Ask the broker for what it retains of what is wanted, by topic below the node's root."""
    return _retained(site, "desired/#")


def _retained(site: Site, topics: str) -> dict[str, dict[str, Any]]:
    done = subprocess.run(
        (
            *("mosquitto_sub", "-V", "5", "-h", "127.0.0.1", "-p", str(site.broker.port), "-q", "0"),
            *("-t", f"{ROOT}{topics}", "--retained-only", "-F", "%t %p", "-W", "1"),
        ),
        capture_output=True,
        text=True,
        check=False,
        timeout=20,
    )
    found = {}
    for line in done.stdout.splitlines():
        topic, _, payload = line.partition(" ")
        with contextlib.suppress(ValueError):  # garbage that a fault sent
            found[topic.removeprefix(ROOT)] = json.loads(payload)
    return found


def look(site: Site, told: dict[str, dict[str, Any]]) -> Seen:
    """Look at everything. Raises AssertionError where podman cannot tell."""
    board, seen = site.board, Seen(statuses=told)
    _podman(site, seen)
    _processes(site, seen)
    _places(board, seen)
    _network(seen, board)
    seen.complaints = board.stranger.complaints()
    return seen


def _podman(site: Site, seen: Seen) -> None:
    board = site.board
    addresses, host = dict[str, str](), _network_of(1)
    references = {image: reference for reference, image in site.image_ids.items()}
    listed = json.loads(board.podman("ps", "--all", "--external", "--format", "json") or "[]") or []
    ids = [one["Id"] for one in listed if one.get("State") not in {"storage", "Storage", "unknown"}]
    seen.stray = [f"{one['Id']} {one.get('Names')} {one.get('State')}" for one in listed if one["Id"] not in ids]
    inspected = json.loads(board.podman("container", "inspect", *ids)) if ids else []
    for one in inspected:
        labels = one["Config"].get("Labels") or {}
        pid = one["State"].get("Pid") or 0
        running = one["State"]["Status"] == "running" and not processes.zombie(pid)
        network = _network_of(pid) if running else ""
        infra = bool(one.get("IsInfra"))
        seen.containers.append(
            Container(
                id=one["Id"],
                pod=labels.get("edgelet.pod.name", ""),
                pod_uid=labels.get("edgelet.pod.uid", ""),
                name="" if infra else labels.get("edgelet.container.name", "?"),
                running=running,
                pid=pid,
                image=references.get(one.get("Image", ""), one.get("ImageName", "")),
                network=network,
                address=addresses.setdefault(network, _address(pid)) if network not in {"", host} else "",
                environment=frozenset(one["Config"].get("Env") or ()),
            )
        )
    pods = json.loads(board.podman("pod", "ps", "--format", "json") or "[]") or []
    seen.pod_ids = {one["Id"] for one in pods}
    seen.stray += [f"pod {one['Name']}" for one in pods if not (one.get("Labels") or {}).get("edgelet.pod.name")]


def _processes(site: Site, seen: Seen) -> None:
    roots = {one.pid for one in seen.containers if one.pid}
    for pid in site.board.processes():
        argv = processes.arguments(pid)
        if not argv or site.board.stranger.owns(pid):
            continue
        if Path(argv[0]).name == "conmon":
            seen.conmons.append(argv[argv.index("-c") + 1] if "-c" in argv else "?")
        elif Path(argv[0]).name != "aardvark-dns" and not _below(pid, roots):  # pods' name server, where it is on
            seen.processes.append(f"{pid} {' '.join(argv)[:160]}")


def _below(pid: int, roots: set[int]) -> bool:
    while pid > 1:
        if pid in roots:
            return True
        pid = processes.parent(pid)
    return False


def _places(board: Board, seen: Seen) -> None:
    base = board.base
    points = Path("/proc/self/mountinfo").read_text().splitlines()
    mounts = "\n".join(one for one in points if str(base) in one)
    seen.ids_by_place = {
        "mounts": set(_ID.findall(" ".join(one for one in mounts.splitlines() if "overlay-containers" in one))),
        "control groups": {found for one in boards.cgroups() for found in _ID.findall(one.name)},
        "runtime state": {one.name for each in ("/run/runc", "/run/crun") for one in Path(each).iterdir()},
        "container directories": _names(base / "s/overlay-containers", _ID),
        "volatile container directories": _names(base / "rr/overlay-containers", _ID),
        "exit files": _names(base / "run/podman/libpod/exits", _ID),
        "firewall": set(_ID.findall(_output("iptables-save"))),
    }
    for ids in seen.ids_by_place.values():
        ids.discard(board.stranger.id)
    seen.uids_by_place = {
        "control groups": {found for one in boards.cgroups() for found in _UID.findall(one.name.replace("_", "-"))},
        "mounts": set(_UID.findall(" ".join(one for one in mounts.splitlines() if f"{base}/run/pods" in one))),
        "run directory": _names(base / "run/pods", _UID),
        "volumes": _names(base / "volumes", _UID),
        "logs": {one.name.rpartition("_")[2] for one in (base / "logs").iterdir() if "_" in one.name},
    }
    layers = base / "s/overlay-layers/layers.json"
    known = {one["id"] for one in json.loads(layers.read_text() or "[]")} if layers.exists() else set()
    seen.stray += [f"layer {one}" for one in _names(base / "s/overlay", _ID) - known]
    merged = set(re.findall(r"/overlay/([0-9a-f]{64})/merged", mounts))
    if len(merged) > len(seen.containers):  # one whose conmon was killed stays mounted until it is removed
        seen.stray.append(f"{len(merged)} overlays are mounted")
    copies = base / "state/podman/copy"
    left = sum(one.stat().st_size for one in copies.rglob("*") if one.is_file())
    if left > _COPIES_BYTES:
        seen.stray.append(f"a cut pull left {left} bytes")


def _network(seen: Seen, board: Board) -> None:
    strange = f" master {board.stranger.bridge} "
    seen.veths = sum(strange not in one for one in _output("ip", "-o", "link", "show", "type", "veth").splitlines())
    seen.namespaces = set(re.findall(r"net:\[\d+\]", Path("/proc/self/mountinfo").read_text()))
    seen.namespaces.discard(board.stranger.network)
    pool = _output("ip", "-o", "-4", "addr", "show", board.bridge).split()
    network = next((one.rpartition(".")[0] for one in pool if one.count(".") == 3), "none")
    rules = _output("iptables-save", "-t", "nat") + _output("nft", "list", "ruleset")
    seen.addresses = {
        one
        for one in re.findall(rf"{re.escape(network)}\.\d+(?=[/: ,;}}\n])", rules)
        if not one.endswith((".0", ".255"))
    }


def network() -> str:
    """Return rules, neighbours, addresses and routes of the board, for people."""
    asked = (("iptables-save",), ("nft", "list", "ruleset"), ("ip", "neigh"), ("ip", "addr"), ("ip", "route"))
    return "\n".join(f"# {' '.join(one)}\n{_output(*one)}" for one in asked)


def _network_of(pid: int) -> str:
    try:
        return str(Path(f"/proc/{pid}/ns/net").readlink())
    except OSError:
        return ""


def _address(pid: int) -> str:
    words = _output("nsenter", "-t", str(pid), "-n", "ip", "-o", "-4", "addr", "show", "scope", "global").split()
    return next((word.partition("/")[0] for word in words if "/" in word), "")


def _names(folder: Path, pattern: re.Pattern[str]) -> set[str]:
    return {one.name for one in folder.iterdir() if pattern.fullmatch(one.name)} if folder.exists() else set()


def _output(*argv: str) -> str:
    return subprocess.run(argv, capture_output=True, text=True, check=False).stdout
