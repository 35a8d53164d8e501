"""Any process may die at any instant."""

from __future__ import annotations

import contextlib
import os
import random
import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from tests.chaos import processes, witness
from tests.chaos.board import Board, Site
from tests.chaos.fault import Hit
from tests.chaos.witness import Container, Seen

_ENGINE_WAIT_S = 2.0
_LOOKS = 10
_HELPERS = frozenset({"runc", "crun", "netavark", "aardvark-dns"})


@contextlib.contextmanager
def agent_killed(site: Site, chance: random.Random) -> Iterator[Hit]:
    """kill -9 of the agent; it stays away for up to two seconds."""
    site.board.kill()
    time.sleep(chance.uniform(0, 2))
    site.board.start(wait=False)
    yield Hit()


@contextlib.contextmanager
def agent_killed_often(site: Site, chance: random.Random) -> Iterator[Hit]:
    """kill -9 of the agent again and again, also before it has come up."""
    times = chance.randint(2, 5)
    for _ in range(times):
        site.board.kill()
        site.board.start(wait=False)
        time.sleep(chance.uniform(0.05, 1.8))
    yield Hit(note=f"{times} times")


@contextlib.contextmanager
def agent_restarted(site: Site, chance: random.Random) -> Iterator[Hit]:
    """SIGTERM, and a new agent."""
    code = site.board.stop()
    assert code == 0, f"the agent ended with {code} on SIGTERM"
    time.sleep(chance.uniform(0, 1))
    site.board.start(wait=False)
    yield Hit()


@contextlib.contextmanager
def agent_and_engine_killed(site: Site, chance: random.Random) -> Iterator[Hit]:
    """kill -9 of the agent and of the engine's service in one moment."""
    killed = _kill_engine(site.board, wait_s=chance.uniform(0, _ENGINE_WAIT_S))
    site.board.kill()
    _kill_engine(site.board, wait_s=0)
    site.board.start(wait=False)
    yield Hit(note=f"{killed} engine processes")


@contextlib.contextmanager
def engine_killed(site: Site, chance: random.Random) -> Iterator[Hit]:
    """kill -9 of the engine's service, twice if it comes again."""
    killed = 0
    for _ in range(chance.randint(1, 2)):
        _await(lambda: _services(site.board), _ENGINE_WAIT_S)
        time.sleep(chance.uniform(0, 0.8))
        killed += _kill_all(_services(site.board))
    yield Hit(note=f"{killed} processes")


@contextlib.contextmanager
def helper_killed(site: Site, chance: random.Random) -> Iterator[Hit]:
    """kill -9 of whatever the engine has called at that moment: OCI runtime, network helper, clean-up."""
    killed: list[str] = []
    for _ in range(chance.randint(1, 3)):
        found = _await(lambda: _helpers(site.board), _ENGINE_WAIT_S)
        if found:
            pid = chance.choice(found)
            killed.append(Path((processes.arguments(pid) or ["?"])[0]).name)
            _kill_all([pid])
        time.sleep(chance.uniform(0, 0.3))
    yield Hit(everything=True, note=", ".join(killed) or "nothing runs")


@contextlib.contextmanager
def conmon_killed(site: Site, chance: random.Random) -> Iterator[Hit]:
    """kill -9 of the conmon of a container; the container itself lives on, unwatched."""
    seen = _look(site)
    one = _any(seen, chance)
    found = [pid for pid in processes.pids() if one and _is_conmon_of(pid, one.id)]
    yield _kill(found, one)


@contextlib.contextmanager
def container_killed(site: Site, chance: random.Random) -> Iterator[Hit]:
    """kill -9 of the main process of a container."""
    one = _any(_look(site), chance, infra=False)
    yield _kill([one.pid] if one else [], one)


@contextlib.contextmanager
def infra_killed(site: Site, chance: random.Random) -> Iterator[Hit]:
    """kill -9 of the process that holds a pod's network."""
    one = _any(_look(site), chance, infra=True)
    yield _kill([one.pid] if one else [], one)


@contextlib.contextmanager
def dns_killed(site: Site, chance: random.Random) -> Iterator[Hit]:
    """kill -9 of netavark's name server. Our pods do not ask it; somebody else's do, and start it with the next one."""
    del chance
    killed = _kill_all(site.board.stranger.name_servers())
    yield Hit(note=f"{killed} name servers")


@contextlib.contextmanager
def pod_killed_whole(site: Site, chance: random.Random) -> Iterator[Hit]:
    """kill -9 of all processes of a pod and of all its conmons, while the agent is dead."""
    seen = _look(site)
    one = _any(seen, chance)
    site.board.kill()
    ids = {each.id for each in seen.containers if one and each.pod == one.pod}
    found = [each.pid for each in seen.containers if each.id in ids and each.running]
    found += [pid for pid in processes.pids() if any(_is_conmon_of(pid, each) for each in ids)]
    hit = _kill(found, one)
    site.board.start(wait=False)
    yield hit


def _look(site: Site) -> Seen:
    """Look at who is there; again where one went between two of podman's answers."""
    for _ in range(_LOOKS):
        with contextlib.suppress(AssertionError):
            return witness.look(site, {})
        time.sleep(0.3)
    return witness.look(site, {})


def _any(seen: Seen, chance: random.Random, *, infra: bool | None = None) -> Container | None:
    fit = [one for one in seen.containers if one.running and (infra is None or (not one.name) == infra)]
    return chance.choice(sorted(fit, key=lambda one: (one.pod, one.name))) if fit else None


def _kill(pids: list[int], one: Container | None) -> Hit:
    _kill_all(pids)
    if one is None:
        return Hit(note="nothing runs")
    return Hit(pods=frozenset({one.pod}), note=f"{one.pod}/{one.name or 'infra'}")


def _is_conmon_of(pid: int, container: str) -> bool:
    argv = processes.arguments(pid)
    return bool(argv) and Path(argv[0]).name == "conmon" and container in argv


def _services(board: Board) -> list[int]:
    return [pid for pid in board.engine_processes() if "service" in processes.arguments(pid)]


def _helpers(board: Board) -> list[int]:
    found = []
    for pid in processes.pids():
        argv = processes.arguments(pid)
        name = Path(argv[0]).name if argv else ""
        if (name in _HELPERS or (name == "podman" and "cleanup" in argv)) and str(board.base) in " ".join(argv):
            found.append(pid)
    return found


def _kill_engine(board: Board, *, wait_s: float) -> int:
    return _kill_all(_await(lambda: _services(board), wait_s))


def _await(look: Callable[[], list[int]], wait_s: float) -> list[int]:
    end = time.monotonic() + wait_s
    while not (found := look()) and time.monotonic() < end:
        time.sleep(0.005)
    return found


def _kill_all(pids: list[int]) -> int:
    for pid in pids:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    return len(pids)
