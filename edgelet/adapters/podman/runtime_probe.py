"""Which OCI runtime really starts a container here: asked by starting one, since versions and helps lie.

crun up to 1.8 for example refuses hybrid cgroups at the very start. The answer is kept until the next boot or a change
of the binaries; one try costs 10 to 50 ms.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import shutil
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from edgelet.adapters.podman import boot_memo
from edgelet.adapters.podman.detect import CgroupManager
from edgelet.api.errors import EngineError

CANDIDATES = ("crun", "runc")
_TIMEOUT_S = 20.0
_HOST_DIRECTORIES = ("usr", "bin", "sbin", "lib", "lib32", "lib64", "libx32")
_WORDS_LIMIT = 300


@dataclass(frozen=True, slots=True)
class Choice:
    """A runtime that started a container under this cgroup manager."""

    name: str
    path: str
    cgroup_manager: CgroupManager


async def choose(*, wanted: str, managers: tuple[CgroupManager, ...], boot_id: str, run_dir: Path) -> Choice:
    """Return the first combination that works; `wanted` is a name or path, "" = crun, then runc.

    Raises:
        EngineError: EngineUnavailable, with what each one said.
    """
    found = [path for name in ((wanted,) if wanted else CANDIDATES) if (path := shutil.which(name))]
    if not found:
        missing = wanted or " or ".join(CANDIDATES)
        raise EngineError(
            "EngineUnavailable", f"cannot find an OCI runtime ({missing}): install one with `apt-get install crun`"
        )
    key = boot_memo.fingerprint(found, boot_id, managers)
    memo = run_dir / "oci-runtime.json"
    with contextlib.suppress(TypeError):
        if known := boot_memo.recall(memo, key):
            return Choice(**known)
    refusals = []
    for manager in managers:
        for path in found:
            words = await _try(Path(path), manager, run_dir)
            if words is None:
                choice = Choice(Path(path).name, path, manager)
                boot_memo.keep(memo, key, asdict(choice))
                return choice
            refusals.append(f"{path} with {manager} cgroups: {words}")
    raise EngineError("EngineUnavailable", f"cannot start a container with any OCI runtime: {'; '.join(refusals)}")


def bundle(host_directories: Iterable[str], manager: CgroupManager, name: str) -> dict[str, Any]:
    """Return the config.json of a container that runs the host's own /bin/true with a small cgroup."""
    cgroup = f"system.slice:edgelet:{name}" if manager == "systemd" else f"/{name}"
    binds = [
        {"destination": f"/{folder}", "type": "bind", "source": f"/{folder}", "options": ["rbind", "ro"]}
        for folder in host_directories
    ]
    return {
        "ociVersion": "1.0.2",
        "process": {
            "user": {"uid": 0, "gid": 0},
            "args": ["/bin/true"],
            "env": ["PATH=/usr/sbin:/usr/bin:/sbin:/bin"],
            "cwd": "/",
            "noNewPrivileges": True,
        },
        "root": {"path": "rootfs", "readonly": True},
        "hostname": "probe",
        "mounts": [
            {"destination": "/proc", "type": "proc", "source": "proc"},
            # Without it crun finds no /dev, and runc's device nodes lie on a /run that systemd mounts nodev.
            {"destination": "/dev", "type": "tmpfs", "source": "tmpfs", "options": ["nosuid", "mode=755", "size=64k"]},
            *binds,
        ],
        "linux": {
            "cgroupsPath": cgroup,
            "resources": {"pids": {"limit": 64}},
            "namespaces": [{"type": kind} for kind in ("pid", "mount", "ipc", "uts", "network")],
        },
    }


async def _try(path: Path, manager: CgroupManager, run_dir: Path) -> str | None:
    """Start one container; None if it ran, else the runtime's words."""
    name = f"edgelet-probe-{os.getpid()}"
    place = run_dir / "probe"
    _lay_out(place, manager, name)
    flags = ["--root", str(place / "state"), *(["--systemd-cgroup"] if manager == "systemd" else [])]
    process = await asyncio.create_subprocess_exec(
        path,
        *flags,
        "run",
        "--bundle",
        str(place),
        name,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
        start_new_session=True,
    )
    try:
        async with asyncio.timeout(_TIMEOUT_S):
            output, _ = await process.communicate()
    except TimeoutError:
        return f"no end within {_TIMEOUT_S:g} s"
    finally:
        if process.returncode is None:  # also when the agent is stopped meanwhile: nobody else would ever end it
            with contextlib.suppress(ProcessLookupError):
                process.kill()
            await process.wait()
        shutil.rmtree(place, ignore_errors=True)
    if process.returncode == 0:
        return None
    words = " ".join(output.decode(errors="replace").split())
    return words[:_WORDS_LIMIT] or f"exit code {process.returncode}"


def _lay_out(place: Path, manager: CgroupManager, name: str) -> None:
    shutil.rmtree(place, ignore_errors=True)
    host = [folder for folder in _HOST_DIRECTORIES if Path("/", folder).is_dir()]
    for folder in host:
        (place / "rootfs" / folder).mkdir(parents=True)
    (place / "config.json").write_text(json.dumps(bundle(host, manager, name)))
