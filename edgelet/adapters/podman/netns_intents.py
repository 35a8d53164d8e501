"""Network namespaces that were about to be made: so that one which a killed engine left can be told for ours.

Podman makes it, pins it in /run/netns, plugs it in and writes it down, in this order. Where it was killed before the
third, there is no veth by which it could be known (see netns). So the names that are there are written down before the
engine is told to start a sandbox; what is there when that is cut off, with nobody inside and unplugged, was made by it.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import re
import secrets
from collections.abc import Iterator
from pathlib import Path

from edgelet.adapters.podman import netns
from edgelet.adapters.podman.errors import LibpodError

_NAME = re.compile(r"netns-[0-9a-f-]{36}")  # as Podman calls them
_SECOND_LOOK_S = 2.0  # an engine that lives on may be about to plug it in


class NetnsIntents:
    """Written to a directory of ours on tmpfs."""

    def __init__(self, run_dir: Path) -> None:
        self._directory = run_dir / "netns-intents"
        self._under_way: set[Path] = set()

    @contextlib.contextmanager
    def expected(self) -> Iterator[None]:
        """Do something that makes a namespace; where it was cut off the intent stays for `sweep`."""
        self._directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        path, before = self._directory / f"{secrets.token_hex(8)}.json", _names()
        _write(path, before)
        self._under_way.add(path)
        try:
            yield
            path.unlink(missing_ok=True)
        except LibpodError:  # the engine lives, and clears up what it could not finish
            path.unlink(missing_ok=True)
            raise
        except BaseException:
            _write(path, before, after=_names())
            raise
        finally:
            self._under_way.discard(path)

    async def sweep(self) -> tuple[str, ...]:
        """Remove what starts that were cut off left behind, seen at two looks; return the names."""
        left = [path for path in self._written() if path not in self._under_way]
        if not left:
            return ()
        suspects = frozenset[str]().union(*map(_made, left))
        gone: frozenset[str] = frozenset()
        if first := await asyncio.to_thread(netns.unplugged, suspects):
            await asyncio.sleep(_SECOND_LOOK_S)
            gone = await asyncio.to_thread(netns.unplugged, first)
        for name in gone:
            await asyncio.to_thread(netns.remove, netns.NETNS_DIR / name)
        for path in left:
            path.unlink(missing_ok=True)
        return tuple(sorted(gone))

    def _written(self) -> tuple[Path, ...]:
        return tuple(self._directory.glob("*.json")) if self._directory.exists() else ()


def _names() -> frozenset[str]:
    if not netns.NETNS_DIR.exists():
        return frozenset()
    return frozenset(each.name for each in netns.NETNS_DIR.iterdir() if _NAME.fullmatch(each.name))


def _write(path: Path, before: frozenset[str], *, after: frozenset[str] | None = None) -> None:
    document = {"before": sorted(before), "after": None if after is None else sorted(after)}
    temporary = path.with_suffix(".new")
    temporary.write_text(json.dumps(document))
    temporary.replace(path)


def _made(path: Path) -> frozenset[str]:
    """Return the names that came while it was done: until it was cut off, or until now where the agent died, too."""
    try:
        document = json.loads(path.read_text())
        after = _names() if document["after"] is None else _names() & frozenset(document["after"])
        return after - frozenset(document["before"])
    except (OSError, ValueError, TypeError, KeyError):
        return frozenset()
