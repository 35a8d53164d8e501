"""The unix socket as a file: made with its final rights before anyone can connect, never taken from a live agent."""

from __future__ import annotations

import errno
import grp
import logging
import os
import socket
import stat
from dataclasses import dataclass
from pathlib import Path

from edgelet.api.errors import EdgeletError

log = logging.getLogger(__name__)

PATH_LIMIT_BYTES = 107  # sun_path of Linux less its NUL
MODE = 0o660
MODE_FOR_ALL = 0o666  # where who is at the other end decides alone
CONNECT_TIMEOUT_S = 2.0


@dataclass(frozen=True, slots=True)
class SocketFile:
    """A bound socket and the inode it is known by, so that only our own file is ever removed."""

    path: Path
    socket: socket.socket
    device: int
    inode: int


def open_socket(path: Path, *, group: str, backlog: int, mode: int = MODE) -> SocketFile:
    """Bind and listen; a dead socket in the way is replaced.

    Nobody can connect before the owner, group and mode are right: the file is born 0600 and listening comes last.

    Raises:
        EdgeletError: AddressInUse (another agent answers there), BadSocketPath (too long, a file that is no socket, a
            missing directory), Forbidden.
    """
    if len(os.fsencode(path)) > PATH_LIMIT_BYTES:
        raise EdgeletError("BadSocketPath", f"cannot listen on {path}: longer than {PATH_LIMIT_BYTES} bytes")
    try:
        _clear(path)
        return _bind(path, group=group, backlog=backlog, mode=mode)
    except PermissionError as error:
        raise EdgeletError("Forbidden", f"cannot listen on {path}: {error.strerror}; run as root?") from error
    except OSError as error:
        reason = "AddressInUse" if error.errno == errno.EADDRINUSE else "BadSocketPath"
        raise EdgeletError(reason, f"cannot listen on {path}: {error.strerror or error}") from error


def remove_socket(file: SocketFile) -> None:
    """Close, and remove the file if it is still ours."""
    try:
        found = file.path.lstat()
        if (found.st_dev, found.st_ino) == (file.device, file.inode):
            file.path.unlink()
    except FileNotFoundError:
        pass
    except OSError as error:
        log.warning("cannot remove the API socket", extra={"path": str(file.path), "error": str(error)})
    finally:
        file.socket.close()


def _clear(path: Path) -> None:
    try:
        mode = path.lstat().st_mode
    except FileNotFoundError:
        return
    if not stat.S_ISSOCK(mode):
        raise EdgeletError("BadSocketPath", f"cannot listen on {path}: it exists and is no socket")
    if _answers(path):
        raise EdgeletError("AddressInUse", f"cannot listen on {path}: another agent runs there; stop it first")
    log.info("replacing a dead API socket", extra={"path": str(path)})
    path.unlink(missing_ok=True)


def _answers(path: Path) -> bool:
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        probe.settimeout(CONNECT_TIMEOUT_S)
        try:
            probe.connect(os.fspath(path))
        except (ConnectionRefusedError, FileNotFoundError):
            return False
        except (TimeoutError, BlockingIOError):  # its backlog is full: somebody is there
            return True
    return True


def _bind(path: Path, *, group: str, backlog: int, mode: int) -> SocketFile:
    sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_NONBLOCK)
    try:
        before = os.umask(0o177)
        try:
            sock.bind(os.fspath(path))
        finally:
            os.umask(before)
        made = path.lstat()
        _give_to(path, group)
        path.chmod(mode)
        sock.listen(backlog)
    except BaseException:
        sock.close()
        raise
    return SocketFile(path, sock, made.st_dev, made.st_ino)


def _give_to(path: Path, group: str) -> None:
    """Hand the file to the group where there is one; without it the socket is root's alone."""
    if not group:
        return
    try:
        os.chown(path, -1, grp.getgrnam(group).gr_gid)
    except KeyError:
        log.info("no such group: the API socket stays with root", extra={"group": group})
    except PermissionError:
        log.warning("cannot give the API socket to its group", extra={"group": group})
