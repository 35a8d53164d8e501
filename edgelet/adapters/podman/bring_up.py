"""From settings to an engine that answers: look, decide, write its files, ask it who it is. Once, at start.

Nothing of the engine rests afterwards: its service ends by itself a few seconds later.
"""

from __future__ import annotations

import os
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from edgelet.adapters.podman import boot_memo, containers_conf, detect, engine_home, facts, runtime_probe
from edgelet.adapters.podman.engine import Engine, Program
from edgelet.adapters.podman.errors import LibpodError
from edgelet.adapters.podman.libpod import Libpod
from edgelet.api.errors import EngineError
from edgelet.ports.runtime import EngineInfo

_HOST_TMP_DIR = Path("/run/libpod")
_HOST_SETTINGS = ("/etc/containers/storage.conf", "/usr/share/containers/storage.conf")
# What pulls need of the agent's own environment; everything else stays out of the engine, and so out of containers.
_PASSED_ON = (
    *("HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "http_proxy", "https_proxy", "no_proxy"),
    *("SSL_CERT_FILE", "SSL_CERT_DIR", "CONTAINERS_REGISTRIES_CONF", "REGISTRY_AUTH_FILE"),
)
_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """Where the engine lives. `run_dir` and `state_dir` are its own folders below the agent's.

    `run_dir` must survive a restart of the agent as long as containers run (systemd: RuntimeDirectoryPreserve=yes) and
    must not survive a reboot: conmon reads the configuration there, exits are written there. `state_dir` is on disk: a
    pull puts twice the size of a layer there.
    """

    run_dir: Path
    state_dir: Path
    bridge: str
    pool: str
    program: str = "podman"
    socket: Path | None = None  # of a service that others keep running: nothing is started, configured or probed
    storage_root: Path | None = None
    run_root: Path | None = None
    runtime: str = ""
    base_conf: Path | None = None
    idle_exit_s: int = 5
    calls_per_core: int = 2
    signatures: Path | None = None  # a policy.json of image signatures; None = the host's


@dataclass(frozen=True, slots=True, kw_only=True)
class Podman:
    """An engine that answered."""

    engine: Engine
    libpod: Libpod
    info: EngineInfo
    exits_dir: Path  # conmon writes <container id> here, with the exit code as text
    oci_runtime_path: str
    network: str  # the network pods join; "" = the engine's default one
    architecture: str  # Go's word: amd64, arm64, arm
    copy_dir: Path | None  # where pulls put layers; None if the engine is not ours
    warnings: tuple[str, ...]


async def bring_up(options: Options) -> Podman:
    """Find, configure and ask the engine. The caller closes `engine`.

    Raises:
        EngineError: EngineUnavailable: not installed, too old, too new, broken; the message says what helps.
    """
    try:
        if options.socket is not None:
            return await _join(options, options.socket)
        return await _start(options)
    except OSError as error:
        raise EngineError("EngineUnavailable", f"cannot prepare {error.filename}: {error.strerror}") from error


async def _start(options: Options) -> Podman:
    found = facts.read(program=options.program, storage_root=options.storage_root)
    detect.require_engine(found)
    network = detect.network(found)
    for folder in (options.run_dir, options.run_dir / "networks"):
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    runtime = await runtime_probe.choose(
        wanted=options.runtime,
        managers=detect.cgroup_managers(found),
        boot_id=found.boot_id,
        run_dir=options.run_dir,
    )
    choices = _choices(options, found, runtime, network.backend)
    _write_files(options, choices)
    engine = Engine(
        socket_path=options.run_dir / "podman.sock",
        program=Program(argv=arguments(options, found.podman_path), environment=environment(options, choices)),
        idle_s=options.idle_exit_s,
        calls_at_once=options.calls_per_core * len(os.sched_getaffinity(0)),
    )
    await engine.open()
    libpod = Libpod(engine)
    try:
        document = await _recall_or_ask(libpod, options, found)
        info, architecture = _read(document, memory_cgroup=found.memory_controller)
    except BaseException:
        await engine.close()
        raise
    return Podman(
        engine=engine,
        libpod=libpod,
        info=info,
        exits_dir=(choices.tmp_dir or _HOST_TMP_DIR) / "exits",
        oci_runtime_path=runtime.path,
        network=choices.network_name,
        architecture=architecture,
        copy_dir=choices.copy_dir,
        warnings=warnings(found, network),
    )


async def _join(options: Options, socket: Path) -> Podman:
    found = facts.read(program=options.program)
    engine = Engine(
        socket_path=socket, program=None, calls_at_once=options.calls_per_core * len(os.sched_getaffinity(0))
    )
    libpod = Libpod(engine)
    info, architecture = _read(await _ask(libpod), memory_cgroup=found.memory_controller)
    return Podman(
        engine=engine,
        libpod=libpod,
        info=info,
        exits_dir=_HOST_TMP_DIR / "exits",
        oci_runtime_path=shutil.which(info.oci_runtime) or info.oci_runtime,
        network="",
        architecture=architecture,
        copy_dir=None,
        warnings=warnings(found, detect.Network(info.network_backend)),
    )


async def _recall_or_ask(libpod: Libpod, options: Options, found: facts.Facts) -> dict[str, Any]:
    """Ask once a boot, and again when Podman, its flags or its settings changed: it takes it an eighth of a second.

    Source: libpod's info.go runs each helper, and the package manager to know whose it is.
    """
    flags, settings = arguments(options, found.podman_path), (options.run_dir / "containers.conf").read_text()
    key = boot_memo.fingerprint((found.podman_path, *_HOST_SETTINGS), found.boot_id, flags, settings)
    memo = options.run_dir / "engine.json"
    if isinstance(known := boot_memo.recall(memo, key), dict):
        return known
    document = await _ask(libpod)
    boot_memo.keep(memo, key, {name: document.get(name) for name in ("host", "store", "version")})
    return document


async def _ask(libpod: Libpod) -> dict[str, Any]:
    try:
        return dict((await libpod.call("GET", "/info")).json())
    except (LibpodError, TypeError, ValueError) as error:
        why = error.message if isinstance(error, LibpodError) else "its info is no object"
        raise EngineError("EngineUnavailable", f"cannot use Podman: {why}") from error


def _read(document: dict[str, Any], *, memory_cgroup: bool) -> tuple[EngineInfo, str]:
    info = detect.engine_info(document, memory_cgroup=memory_cgroup)
    return info, str(document["host"].get("arch", ""))


def arguments(options: Options, podman_path: str) -> tuple[str, ...]:
    """Return podman with its global flags; without a storage root it uses the host's storage as it is."""
    if options.storage_root is None:
        return (podman_path, *(("--runroot", str(options.run_root)) if options.run_root else ()))
    run_root = options.run_root or options.run_dir / "storage"
    tmp_dir = str(options.run_dir / "libpod")
    return (podman_path, "--root", str(options.storage_root), "--runroot", str(run_root), "--tmpdir", tmp_dir)


def environment(options: Options, choices: containers_conf.Choices) -> dict[str, str]:
    """Return all that the engine gets to know."""
    passed_on = {name: os.environ[name] for name in _PASSED_ON if name in os.environ}
    return passed_on | {
        "PATH": _PATH,
        "HOME": str(options.run_dir / "home") if options.signatures else "/root",
        "CONTAINERS_CONF": str(options.run_dir / "containers.conf"),
        "TMPDIR": str(choices.copy_dir),
        "DISABLE_HC_SYSTEMD": "true",  # an image's HEALTHCHECK makes no systemd timers: probes are the agent's
        # Go's collector takes a tenth of each short process (service, clean-up); it begins where memory counts.
        "GOGC": "off",
        "GOMEMLIMIT": "64MiB",
    }


def warnings(found: facts.Facts, network: detect.Network) -> tuple[str, ...]:
    """Return what works less well than it could here."""
    memory = (
        "the memory cgroup is off: memory limits cannot be honoured; on a Raspberry Pi add "
        "`cgroup_enable=memory cgroup_memory=1` to cmdline.txt and reboot"
    )
    infra = "catatonit is not installed: pods with an infra container cannot start; `apt-get install catatonit`"
    return tuple(
        filter(
            None,
            ("" if found.memory_controller else memory, "" if found.catatonit_path else infra, network.warning),
        )
    )


def _choices(
    options: Options, found: facts.Facts, runtime: runtime_probe.Choice, network_backend: str
) -> containers_conf.Choices:
    return containers_conf.Choices(
        runtime_name=runtime.name,
        runtime_path=Path(runtime.path),
        cgroup_manager=runtime.cgroup_manager,
        open_files=detect.open_files(found),
        processes=detect.processes(found),
        network_backend=network_backend,
        network_name=options.bridge,
        network_config_dir=options.run_dir / "networks",
        copy_dir=options.state_dir / "copy",
        tmp_dir=None if options.storage_root is None else options.run_dir / "libpod",
    )


def _write_files(options: Options, choices: containers_conf.Choices) -> None:
    # Layers of pulls that a crash cut short: 58 MB each were seen.
    shutil.rmtree(choices.copy_dir, ignore_errors=True)
    choices.copy_dir.mkdir(mode=0o700, parents=True)
    if options.signatures is not None:
        engine_home.make(options.run_dir / "home", options.signatures)
    base = options.base_conf.read_text() if options.base_conf else ""
    document = containers_conf.network_document(choices.network_name, options.bridge, options.pool)
    replace(choices.network_config_dir / f"{choices.network_name}.json", document)
    replace(options.run_dir / "containers.conf", containers_conf.render(choices, base))


def replace(path: Path, text: str) -> None:
    """Put a whole file in the place of another: a conmon that reads it at this moment sees the old or the new one."""
    temporary = path.with_name(f".{path.name}.new")
    temporary.write_text(text)
    temporary.replace(path)
