"""ports.name_server by aardvark-dns: one process at the bridge's address, seen to again at each call."""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
import time
from ipaddress import IPv4Address
from pathlib import Path

from edgelet.adapters.aardvark import listeners, names_file, process
from edgelet.adapters.netlink.channel import Channel
from edgelet.adapters.netlink.links import Links
from edgelet.ports.name_server import NameEntry

_FILE = "pods"
_LISTENS_S = 5.0
_REOPENS_S = 1.0  # 1.4 closes its port and opens it anew at each reload
_PAUSE_S = 0.01
_SEVERAL = 3  # an agent that was killed in between may have started a second one
_NODE_RESOLVERS = Path("/etc/resolv.conf")


class AardvarkServer:
    """Satisfies ports.name_server.NameServer.

    Args:
        directory: Of ours alone, on tmpfs. In `names` is what the server reads, the rest is beside it.
        address: The bridge's own; the server has port 53 there and nowhere else.
        domain: The cluster domain: what is below it is answered here and never asked elsewhere.
        resolvers: The node's resolv.conf.
    """

    def __init__(
        self, *, directory: Path, address: IPv4Address, domain: str, resolvers: Path = _NODE_RESOLVERS
    ) -> None:
        self._directory = directory
        self._names = directory / "names"
        self._address = address
        self._domain = domain
        self._resolvers = resolvers
        self._lock = asyncio.Lock()
        self._pidfd = -1
        self._gone = asyncio.Event()

    # ---- ports.name_server

    async def why_not(self) -> str:
        """Look for the program, and for somebody else on the port."""
        if not process.program():
            return process.failed("it is not installed; install the package aardvark-dns").message
        if not listeners.is_taken(process.PORT):
            return ""
        return process.failed(f"another program has UDP port {process.PORT} at all addresses").message

    async def runs(self) -> bool:
        """Look for the process."""
        pidfd = await asyncio.to_thread(process.find, self._names)
        if pidfd is not None:
            os.close(pidfd)
        return pidfd is not None

    async def serve(self, entries: tuple[NameEntry, ...]) -> bool:
        """Start, reload, leave alone, or stop."""
        async with self._lock:
            try:
                if not entries:
                    self._forget()
                    await asyncio.to_thread(stop_in, self._directory)
                    return True
                there = await asyncio.to_thread(self._serve, names_file.render(self._address, entries))
            except OSError as error:
                raise process.failed(str(error)) from error
            if there and self._pidfd < 0:
                self._follow(await asyncio.to_thread(process.find, self._names))
            return there

    async def ended(self) -> None:
        """Wait for the pidfd."""
        await self._gone.wait()
        self._gone.clear()

    # ---- blocking

    def _serve(self, text: str) -> bool:
        if not self._plugged_in():
            return False
        news = self._write(text)
        pidfd = process.find(self._names)
        try:
            if pidfd is not None and process.command_line(pidfd) != process.arguments(self._names, self._domain):
                process.stop(pidfd)  # of another domain
                os.close(pidfd)
                pidfd = None
            if pidfd is None:
                self._launch()
            elif news or not self._answers(_REOPENS_S):
                process.reload(pidfd)
                if not self._answers(_REOPENS_S):
                    process.stop(pidfd)  # one that says nothing is of no use, whatever it holds
                    self._launch()
        finally:
            if pidfd is not None:
                os.close(pidfd)
        self._expect()
        return True

    def _plugged_in(self) -> bool:
        with Channel() as channel:
            return self._address in Links(channel).every_address()

    def _write(self, text: str) -> bool:
        """Write what is new; True if anything is. Beside the names lies which resolvers the server has read."""
        self._names.mkdir(mode=0o700, parents=True, exist_ok=True)
        return any([self._replace(self._names / _FILE, text), self._replace(self._directory / "seen", self._seen())])

    def _seen(self) -> str:
        try:
            found = self._resolvers.stat()
        except OSError:
            return ""
        return f"{found.st_ino} {found.st_mtime_ns}"

    def _replace(self, path: Path, text: str) -> bool:
        with contextlib.suppress(OSError):
            if path.read_text() == text:
                return False
        fresh = self._directory / "new"  # not among the names: every file there is read
        fresh.write_text(text)
        fresh.replace(path)
        return True

    def _launch(self) -> None:
        program = process.program()
        if not program:
            raise process.failed("it is not installed; install the package aardvark-dns")
        (self._names / process.PID_FILE).unlink(missing_ok=True)
        process.launch(program, self._names, self._domain)

    def _expect(self) -> None:
        """Wait until it listens. Raises EngineError, and ends it, if it does not."""
        if not self._answers(_LISTENS_S):
            stop_in(self._directory)
            raise process.failed(f"it does not get port {process.PORT} at {self._address}; who else has it?")

    def _answers(self, within_s: float) -> bool:
        """Ask it for a name that nobody has, below the domain: it knows that by itself."""
        end_s = time.monotonic() + within_s
        while not (found := self._listens() and self._says_something()) and time.monotonic() < end_s:
            time.sleep(_PAUSE_S)
        return found

    def _listens(self) -> bool:
        return listeners.listens(self._address, process.PORT)

    def _says_something(self) -> bool:
        return listeners.answers(self._address, process.PORT, f"nobody.{self._domain}")

    # ---- its end

    def _follow(self, pidfd: int | None) -> None:
        if pidfd is None:  # it ended already
            self._gone.set()
            return
        self._pidfd = pidfd
        asyncio.get_running_loop().add_reader(pidfd, self._ended)

    def _ended(self) -> None:
        self._forget()
        self._gone.set()

    def _forget(self) -> None:
        if self._pidfd >= 0:
            asyncio.get_running_loop().remove_reader(self._pidfd)
            os.close(self._pidfd)
            self._pidfd = -1


def stop_in(directory: Path) -> None:
    """End the server of this directory, and remove what is in it. Nothing there: nothing done. Blocking.

    Raises:
        OSError: The directory cannot be removed.
    """
    if not directory.exists():
        return
    for _ in range(_SEVERAL):
        pidfd = process.find(directory / "names")
        if pidfd is None:
            break
        try:
            process.stop(pidfd)
        finally:
            os.close(pidfd)
    shutil.rmtree(directory)
