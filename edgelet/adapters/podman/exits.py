"""Ends of containers, within milliseconds and without an engine process: exit files by inotify, processes by pidfd.

conmon renames <exit dir>/<id> into place when the main process is gone and deletes it 60-150 ms later, when the engine
knows. Until then the engine says "running"; so what is seen here is kept, and observation asks here first.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
from collections import OrderedDict
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path

from inotify_simple import INotify, flags

from edgelet.adapters.podman import cgroups, processes
from edgelet.ports.clock import Clock
from edgelet.ports.runtime import ExitNotice

LOST_CODE = 137
_MAX_DOOMED = 256


@dataclass(frozen=True, slots=True)
class Subject:
    """A container to keep an eye on; `container` "" is the sandbox. Unknown pids are 0."""

    id: str
    pod_uid: str
    container: str
    pid: int = 0
    conmon_pid: int = 0
    cgroup_path: str = ""


@dataclass(frozen=True, slots=True)
class End:
    """How a container ended, as seen from outside of the engine."""

    exit_code: int
    finished_at: datetime
    oom_killed: bool = False
    lost: bool = False
    message: str = ""


@dataclass(slots=True)
class _Watched:
    subject: Subject
    main_fd: int = -1
    conmon_fd: int = -1
    dead: bool = False  # the main process is known to be gone
    oom_killed: bool = False
    file_came: bool = False  # its exit file, though it may have gone before it was read
    silent: bool = False
    end: End | None = None
    settled: asyncio.Event = field(default_factory=asyncio.Event)  # nothing more will be learnt here


class ExitWatch:
    """Watches the exit directory and the processes of our containers. Needs a running loop from `watch` on.

    Args:
        exit_dir: libpod's <tmp dir>/exits.
        clock: For the time of an end that left no exit file.
        cgroup_mount: Where control groups are mounted.
    """

    def __init__(self, *, exit_dir: Path, clock: Clock, cgroup_mount: Path = cgroups.MOUNT_POINT) -> None:
        self._exit_dir = exit_dir
        self._clock = clock
        self._cgroup_mount = cgroup_mount
        self._watched: dict[str, _Watched] = {}
        self._notices: dict[ExitNotice, None] = {}  # a set that keeps order: at most one per container
        self._wake = asyncio.Event()
        self._inotify: INotify | None = None
        self._doomed: OrderedDict[str, None] = OrderedDict()  # the last ones

    # ---- what is watched

    def watch(self, subject: Subject) -> None:
        """Watch a container; with pids, its processes too. Again and with more knowledge is fine."""
        self._listen()
        watched = self._watched.get(subject.id)
        if watched is None:
            watched = self._watched[subject.id] = _Watched(replace(subject, pid=0))  # none held yet
        if not subject.pid or watched.end or watched.dead or watched.subject.pid == subject.pid:
            return
        watched.subject = subject
        watched.main_fd = self._hold(processes.open_main(subject.pid, subject.id), self._main_ended, watched)
        watched.conmon_fd = self._hold(
            processes.open_conmon(subject.conmon_pid, subject.id), self._conmon_ended, watched
        )
        if watched.main_fd < 0:
            self._main_ended(watched)
        if watched.conmon_fd < 0 and subject.conmon_pid and not watched.end:
            self._conmon_ended(watched)

    def note(self, container_id: str, end: End) -> None:
        """Keep an end that was learnt elsewhere: a start that failed, a container without its conmon."""
        watched = self._watched.get(container_id)
        if watched is None or (watched.end and not watched.end.lost):
            return
        watched.dead = True
        self._finish(watched, end)

    def note_lost(self, container_id: str) -> None:
        """Settle for an end whose code nobody has any more."""
        watched = self._watched.get(container_id)
        if watched is not None and watched.end is None:
            self.note(container_id, End(LOST_CODE, self._clock.now(), watched.oom_killed, lost=True))

    def forget(self, container_id: str) -> None:
        """Stop watching a container that is no more."""
        if container_id in self._doomed:
            self._drop_file(container_id)
        watched = self._watched.pop(container_id, None)
        if watched is None:
            return
        self._release_main(watched)
        self._release_conmon(watched)
        watched.settled.set()

    def doom(self, container_id: str) -> None:
        """Note that a container is about to be removed: then its file is nobody's, also one that comes late.

        Its monitor may be slower than the engine, and the engine may die before it says that the container is gone.
        """
        self._doomed[container_id] = None
        if len(self._doomed) > _MAX_DOOMED:
            self._doomed.popitem(last=False)

    def known(self) -> frozenset[str]:
        """Return the ids that are watched."""
        return frozenset(self._watched)

    # ---- what is known

    def end(self, container_id: str) -> End | None:
        """Return how it ended; None while it lives or the code is not known yet."""
        watched = self._watched.get(container_id)
        return watched.end if watched else None

    def is_dead(self, container_id: str) -> bool:
        """Whether its main process is known to be gone."""
        watched = self._watched.get(container_id)
        return watched is not None and (watched.dead or watched.end is not None)

    def is_silent(self, container_id: str) -> bool:
        """Whether its monitor ended before our eyes without a word: it was killed, and nobody will tell the engine."""
        watched = self._watched.get(container_id)
        return watched is not None and watched.silent

    async def settle(self, container_id: str, *, timeout_s: float) -> End | None:
        """Wait until the container has ended and its code is known, or can only be asked of the engine."""
        watched = self._watched.get(container_id)
        if watched is None:
            return None
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(timeout_s):
                await watched.settled.wait()
        return watched.end

    def signal_main(self, container_id: str, number: int) -> bool:
        """Send a signal to the main process; False if it is gone or was never seen."""
        watched = self._watched.get(container_id)
        return watched is not None and watched.main_fd >= 0 and processes.send(watched.main_fd, number)

    def kill_rest(self, container_id: str) -> int:
        """SIGKILL whatever is in the container's cgroup; return how many there were."""
        watched = self._watched.get(container_id)
        if watched is None or not watched.subject.cgroup_path:
            return 0
        return processes.kill_members(processes.members(watched.subject.cgroup_path, self._cgroup_mount), container_id)

    async def notices(self) -> AsyncIterator[ExitNotice]:
        """Give notices as they come. One reader."""
        while True:
            await self._wake.wait()
            self._wake.clear()
            while self._notices:
                notice = next(iter(self._notices))
                del self._notices[notice]
                yield notice

    def close(self) -> None:
        """Let go of every process and of the directory."""
        for container_id in tuple(self._watched):
            self.forget(container_id)
        if self._inotify is not None:
            asyncio.get_running_loop().remove_reader(self._inotify.fileno())
            self._inotify.close()
            self._inotify = None

    # ---- what happens

    def _listen(self) -> None:
        if self._inotify is not None:
            return
        self._exit_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._inotify = INotify(nonblocking=True)
        self._inotify.add_watch(str(self._exit_dir), flags.MOVED_TO | flags.ONLYDIR)
        asyncio.get_running_loop().add_reader(self._inotify.fileno(), self._exit_files_came)

    def _hold(self, pidfd: int | None, ended: Callable[[_Watched], None], watched: _Watched) -> int:
        if pidfd is None:
            return -1
        asyncio.get_running_loop().add_reader(pidfd, ended, watched)
        return pidfd

    def _exit_files_came(self) -> None:
        if self._inotify is None:
            return
        for event in self._inotify.read(timeout=0):
            if event.mask & (flags.Q_OVERFLOW | flags.IGNORED):
                self._look_at_all()
            elif (watched := self._watched.get(event.name)) is not None:
                watched.file_came = True
                self._read_exit_file(watched)
            elif event.name in self._doomed:
                self._drop_file(event.name)

    def _look_at_all(self) -> None:
        # Events were lost, or the directory was made anew: what lies there now tells the rest.
        if self._inotify is not None:
            self._exit_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._inotify.add_watch(str(self._exit_dir), flags.MOVED_TO | flags.ONLYDIR)
        for watched in tuple(self._watched.values()):
            self._read_exit_file(watched)

    def _drop_file(self, container_id: str) -> None:
        with contextlib.suppress(OSError):
            (self._exit_dir / container_id).unlink()

    def _read_exit_file(self, watched: _Watched) -> bool:
        """Take the code at once: the file is gone in 60 ms. False if it is not there."""
        path = self._exit_dir / watched.subject.id
        try:
            code = int(path.read_text().strip())
            finished_at = _instant(path.stat().st_mtime_ns)  # the engine takes the same
        except (OSError, ValueError):
            return False
        self._main_gone(watched)
        self._finish(watched, End(code, finished_at, oom_killed=watched.oom_killed and code != 0))
        return True

    def _main_ended(self, watched: _Watched) -> None:
        self._main_gone(watched)
        if not watched.end and watched.conmon_fd < 0:
            self._read_exit_file(watched)  # the agent was away while it ended
        self._notify(watched)

    def _main_gone(self, watched: _Watched) -> None:
        self._release_main(watched)
        if watched.dead:
            return
        watched.dead = True
        cgroup_path = watched.subject.cgroup_path
        if cgroup_path:
            # The group vanishes 54-85 ms after the end, and Podman never tells (OOMKilled false in 16 of 16).
            watched.oom_killed = bool(cgroups.oom_kills(cgroup_path, self._cgroup_mount))
            # In a shared PID namespace children survive the main process, and conmon waits for who holds its pipes.
            self.kill_rest(watched.subject.id)

    def _conmon_ended(self, watched: _Watched) -> None:
        held = watched.conmon_fd >= 0
        self._release_conmon(watched)
        if watched.end or self._read_exit_file(watched):
            return
        self._exit_files_came()  # both may have become readable in one turn of the loop
        if watched.end:
            return
        # Nobody is left to tell the code and to read the log: a container without its monitor is ended.
        if watched.main_fd >= 0:
            processes.send(watched.main_fd, signal.SIGKILL)
            self.kill_rest(watched.subject.id)
        self._main_gone(watched)
        watched.silent = held and not watched.file_came
        watched.settled.set()
        self._notify(watched)

    def _finish(self, watched: _Watched, end: End) -> None:
        first = watched.end is None
        watched.end = replace(end, oom_killed=end.oom_killed or (watched.oom_killed and end.exit_code != 0))
        self._release_main(watched)
        self._release_conmon(watched)
        watched.settled.set()
        if first:
            self._notify(watched)

    def _notify(self, watched: _Watched) -> None:
        self._notices[ExitNotice(watched.subject.pod_uid, watched.subject.container)] = None
        self._wake.set()

    def _release_main(self, watched: _Watched) -> None:
        watched.main_fd = self._release(watched.main_fd)

    def _release_conmon(self, watched: _Watched) -> None:
        watched.conmon_fd = self._release(watched.conmon_fd)

    @staticmethod
    def _release(pidfd: int) -> int:
        if pidfd >= 0:
            asyncio.get_running_loop().remove_reader(pidfd)
            os.close(pidfd)
        return -1


def _instant(at_ns: int) -> datetime:
    """Return the time to the microsecond, cut as Go's text is when it is read: a float would round."""
    seconds, rest_ns = divmod(at_ns, 1_000_000_000)
    return datetime.fromtimestamp(seconds, UTC).replace(microsecond=rest_ns // 1000)
