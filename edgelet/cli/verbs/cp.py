"""`cp`: files and directories to and from a container, by the tar that is in it."""

from __future__ import annotations

import os
import posixpath
import sys
import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import urlencode

from edgelet.cli import containers, file_places
from edgelet.cli.failure import CliError, UsageError
from edgelet.cli.file_places import Place
from edgelet.cli.flags import Flag
from edgelet.cli.resources import PODS
from edgelet.cli.verb import CONTAINER, NAMESPACE, Call, Verb

if TYPE_CHECKING:
    from edgelet.cli import exec_session

VERB = Verb(
    usage="cp SOURCE TARGET [-c CONTAINER]",
    about="Copy files and directories to and from a running container, which needs a tar for it. One of SOURCE and "
    "TARGET is POD:PATH or NAMESPACE/POD:PATH.",
    examples="""
edgelet cp site web:/srv/site
edgelet cp web:/var/log/app.log app.log
edgelet cp shop/web:/etc/app ./app -c web""",
    flags=(
        NAMESPACE,
        CONTAINER,
        Flag("no-preserve", "Do not keep rights and owners of what is copied."),
    ),
)
PLACES = 2
NO_COMMAND = frozenset({126, 127})


@dataclass(frozen=True, slots=True)
class _Inside:
    """A container that commands are run in."""

    socket_path: str
    path: str
    container: str
    pod: str

    def run(self, argv: list[str], ends: exec_session.Ends) -> int:
        """Run a command; returns its code. Raises CliError: it could not be run at all."""
        from edgelet.cli import exec_session  # noqa: PLC0415  wsproto, once there is something to talk to

        query = [("container", self.container), *(("command", word) for word in argv)]
        query += [("stdin", str(ends.stdin is not None).lower()), ("stdout", "true"), ("stderr", "true")]
        code = exec_session.exit_code(
            exec_session.run(self.socket_path, f"{self.path}?{urlencode(query)}", ends), quiet=True
        )
        if code in NO_COMMAND:
            raise CliError(f"cannot run {argv[0]} in the container {self.container} of {self.pod}; cp needs one there")
        return code


def run(call: Call) -> int:
    """Copy."""
    if len(call.arguments) != PLACES:
        raise UsageError("source and destination are required")
    source, target = file_places.pair(*call.arguments)
    if source.pod:
        _from_pod(_inside(call, source), source, target, keep=not call.parsed.switch("no-preserve"))
    else:
        _to_pod(_inside(call, target), source, target, keep=not call.parsed.switch("no-preserve"))
    return 0


def _inside(call: Call, place: Place) -> _Inside:
    agent = call.agent()
    namespace = place.namespace or call.namespace
    pod = agent.get(PODS, namespace, place.pod)
    phase = (pod.get("status") or {}).get("phase")
    if phase in {"Succeeded", "Failed"}:
        raise CliError(f"cannot exec into a container in a completed pod; current phase is {phase}")
    container = containers.choose(pod, call.parsed.text("container"))
    return _Inside(agent.socket_path, PODS.path(namespace, place.pod, "exec"), container, place.pod)


def _to_pod(inside: _Inside, source: Place, target: Place, *, keep: bool) -> None:
    from edgelet.cli import archive, exec_session  # noqa: PLC0415  tarfile and wsproto, for this alone

    here = source.path.rstrip("/") or "/"
    if not os.path.lexists(here):
        raise CliError(f"{source.path} doesn't exist in local filesystem")
    there = target.path.rstrip("/") or "/"
    if inside.run(["test", "-d", there], exec_session.Ends()) == 0:
        there = posixpath.join(there, os.path.basename(os.path.abspath(here)))  # noqa: PTH100, PTH119
    folder, name = posixpath.split(posixpath.normpath(there))
    if not name:
        raise CliError(f"cannot copy to {target.path}: it names no file")
    argv = ["tar", *([] if keep else ["--no-same-permissions", "--no-same-owner"]), "-xmf", "-"]
    argv += ["-C", folder] if folder else []
    reader, writer = os.pipe()

    def pack() -> None:
        with os.fdopen(writer, "wb") as sink:
            archive.pack(here, name, sink)

    packing = _Beside(pack)
    try:
        code = inside.run(argv, exec_session.Ends(stdin=reader))
    finally:
        os.close(reader)
        packing.join()
    if isinstance(packing.fault, OSError) and not isinstance(packing.fault, BrokenPipeError):
        raise CliError(f"cannot read {packing.fault.filename or source.path}: {_words(packing.fault)}")
    _judge(code)
    if packing.fault is not None:  # a tar that was told only a part may be content with it
        raise CliError(f"cannot copy all of {source.path}: {packing.fault}")


def _from_pod(inside: _Inside, source: Place, target: Place, *, keep: bool) -> None:
    from edgelet.cli import archive, exec_session  # noqa: PLC0415  tarfile and wsproto, for this alone

    prefix = file_places.archived(source.path)
    there = target.path
    if os.path.isdir(there) and inside.run(["test", "-d", source.path], exec_session.Ends()) != 0:  # noqa: PTH112
        there = os.path.join(there, posixpath.basename(prefix))  # noqa: PTH118
    reader, writer = os.pipe()
    taken: list[int] = []

    def unpack() -> None:
        with os.fdopen(reader, "rb") as stream:
            taken.append(archive.unpack(stream, prefix=prefix, target=there, keep_modes=keep))

    unpacking = _Beside(unpack)
    try:
        code = _send_archive(inside, source.path, writer)
    except BrokenPipeError:  # unpacking failed, and tells why
        code = 0
    finally:
        os.close(writer)
        unpacking.join()
    _judge(code)
    if isinstance(unpacking.fault, OSError):
        raise CliError(f"cannot write {unpacking.fault.filename or there}: {_words(unpacking.fault)}")
    if unpacking.fault is not None:
        raise unpacking.fault
    if not sum(taken):
        raise CliError(f"nothing was copied from {source.path}")


def _send_archive(inside: _Inside, path: str, writer: int) -> int:
    """Have the container's tar write into a pipe; returns its code.

    Of its words only those of a failure are shown: it always tells that it takes a leading slash away.
    """
    from edgelet.cli import exec_session  # noqa: PLC0415  see `_Inside.run`

    said = bytearray()

    def hand_over(data: bytes) -> None:
        rest = memoryview(data)
        while rest:
            rest = rest[os.write(writer, rest) :]

    named = f"./{path}" if path.startswith("-") else path  # not one of tar's options
    code = inside.run(["tar", "cf", "-", named], exec_session.Ends(stdout=hand_over, stderr=said.extend))
    if code:
        sys.stderr.write(said.decode(errors="replace"))
    return code


def _words(error: OSError) -> str:
    return error.strerror or str(error)


def _judge(code: int) -> None:
    if code:
        raise CliError(f"command terminated with exit code {code}")


class _Beside:
    """A call in a thread of its own, and what went wrong in it."""

    def __init__(self, call: Callable[[], None]) -> None:
        self.fault: Exception | None = None
        self._call = call
        self._thread = threading.Thread(target=self._run, name="archive", daemon=True)
        self._thread.start()

    def join(self) -> None:
        self._thread.join()

    def _run(self) -> None:
        try:
            self._call()
        except Exception as error:  # noqa: BLE001  carried over to who waits
            self.fault = error
