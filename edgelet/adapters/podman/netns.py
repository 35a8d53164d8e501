"""Network namespaces that nobody is in: left when the engine was killed between making one and writing it down.

Seen in 1 of 10 kills during the start of a sandbox, most with a veth on the pods' bridge. Ours are told from others by
that veth: its peer hangs on our bridge. For those without any veth see netns_intents.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import re
import subprocess
from collections.abc import Awaitable, Callable
from pathlib import Path

NETNS_DIR = Path("/run/netns")
_NAME_PREFIX = "netns-"  # as Podman calls them
_PEER = re.compile(r"@if(?P<index>[0-9]+)")
_TOOL_TIMEOUT_S = 10.0
_SECOND_LOOK_S = 1.0  # a sandbox that is just being made has nobody inside for some 200 ms


async def sweep(bridge: str, named: Callable[[], Awaitable[frozenset[str]]]) -> tuple[str, ...]:
    """Remove the namespaces that hang on this bridge with nobody inside, at two looks; return their names.

    Args:
        bridge: The pods'.
        named: Asks, if need be, which paths the engine's containers name. Those stay, though everybody in them was
            killed: without the file libpod cannot even list containers. They go with their pod.
    """
    first = await asyncio.to_thread(_deserted, bridge)
    if not first:
        return ()
    first -= {Path(path).name for path in await named()}
    await asyncio.sleep(_SECOND_LOOK_S)
    gone = sorted(first & await asyncio.to_thread(_deserted, bridge))
    for name in gone:
        await asyncio.to_thread(remove, NETNS_DIR / name)
    return tuple(gone)


def put_back(path: Path) -> None:
    """Pin an empty namespace where the engine names one that is gone: its pod is dead, and can be removed then."""
    if path.parent == NETNS_DIR and path.name.startswith(_NAME_PREFIX) and not path.exists():
        run("ip", "netns", "add", path.name)


def remove(path: Path) -> None:
    """Remove one namespace: with its last reference its devices go too. Not there is no error."""
    if path.parent != NETNS_DIR or not path.exists():
        return
    run("umount", "--lazy", str(path))
    with contextlib.suppress(OSError):
        path.unlink()


def run(*argv: str) -> str:
    """Run a small tool and return what it wrote; "" where it failed: the next sweep sees what it could not do."""
    with contextlib.suppress(OSError, subprocess.SubprocessError):
        done = subprocess.run(
            argv, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=_TOOL_TIMEOUT_S, check=True
        )
        return done.stdout
    return ""


def _deserted(bridge: str) -> frozenset[str]:
    ports = _ports(bridge)
    if not ports or not NETNS_DIR.exists():
        return frozenset()
    lived_in = _lived_in()
    empty = [path for path in NETNS_DIR.glob(f"{_NAME_PREFIX}*") if _inode(path) not in lived_in]
    return frozenset(path.name for path in empty if ports & _peers(path.name))


def unplugged(names: frozenset[str]) -> frozenset[str]:
    """Return those of some namespaces with nobody inside and no interface but the loopback, or not pinned. Blocking."""
    lived_in = _lived_in()
    empty = [name for name in names if _inode(NETNS_DIR / name) not in {0, *lived_in}]
    return frozenset(name for name in empty if not os.path.ismount(NETNS_DIR / name) or _only_loopback(name))


def _only_loopback(name: str) -> bool:
    lines = run("ip", "-netns", name, "-oneline", "link", "show").splitlines()
    return len(lines) == 1 and ": lo:" in lines[0]


def _ports(bridge: str) -> frozenset[int]:
    """Return the interface indexes that are plugged into the bridge."""
    found = set[int]()
    for port in Path("/sys/class/net", bridge, "brif").glob("*"):
        with contextlib.suppress(OSError, ValueError):
            found.add(int(Path("/sys/class/net", port.name, "ifindex").read_text()))
    return frozenset(found)


def _peers(name: str) -> frozenset[int]:
    lines = run("ip", "-netns", name, "-oneline", "link", "show", "type", "veth")
    return frozenset(int(match["index"]) for match in _PEER.finditer(lines))


def _lived_in() -> frozenset[int]:
    return frozenset(_inode(entry / "ns" / "net") for entry in Path("/proc").iterdir() if entry.name.isdecimal())


def _inode(path: Path) -> int:
    try:
        return path.stat().st_ino
    except OSError:
        return 0
