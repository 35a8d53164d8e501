"""What only a real file system shows: mounts, modes, owners, links, crashes and hostile containers. Needs root."""
# ruff: noqa: PTH115, PTH208  a test looks at a handful of files; nothing else runs in its loop

from __future__ import annotations

import asyncio
import os
import threading
from pathlib import Path

import pytest

from edgelet.adapters.host import mounts, payload_directory
from edgelet.adapters.host.pod_files import HostPodFiles
from edgelet.api.errors import EdgeletError
from edgelet.ports.pod_files import (
    EmptyDirectory,
    FileStep,
    HostDirectory,
    HostsFile,
    HugePagesDirectory,
    LogDirectory,
    MemoryDirectory,
    Payload,
    PayloadFile,
    PodPaths,
    SubPath,
    TerminationLog,
)
from tests.unit.adapters.host.conftest import UID, mode, texts


def options_of(point: str) -> str:
    lines = Path("/proc/self/mountinfo").read_text().splitlines()
    return next(line for line in lines if line.split()[4] == point)


async def test_secrets_lie_on_a_bounded_tmpfs_that_only_root_enters(files: HostPodFiles, paths: PodPaths) -> None:
    await files.prepare(UID, [Payload("v", paths.payload(UID, "v"), texts(a="secret"))])
    line = options_of(paths.volatile(UID))
    assert " - tmpfs tmpfs " in line
    assert "nosuid" in line
    assert "nodev" in line
    assert "noexec" not in line
    assert "size=1024k" in line
    assert mode(paths.volatile(UID)) == 0o700
    await files.prepare(UID, [])
    assert mounts.mounted_below(paths.run) == [paths.volatile(UID)]  # once


async def test_a_payload_that_does_not_fit_is_a_failed_mount_and_the_old_one_stays(
    files: HostPodFiles, paths: PodPaths
) -> None:
    path = paths.payload(UID, "v")
    await files.prepare(UID, [Payload("v", path, texts(a="old"))])
    with pytest.raises(EdgeletError, match=r'SetUp failed for volume "v" : No space left on device'):
        await files.prepare(UID, [Payload("v", path, {"a": PayloadFile(b"x" * (2 << 20))})])
    assert Path(path, "a").read_text() == "old"
    assert sorted(os.listdir(path)) == sorted(["..data", os.readlink(f"{path}/..data"), "a"])


async def test_modes_are_those_of_the_spec_whatever_the_umask(files: HostPodFiles, paths: PodPaths) -> None:
    path = paths.payload(UID, "v")
    old = os.umask(0o077)
    try:
        await files.prepare(UID, [Payload("v", path, {"a": PayloadFile(b"", 0o755), "d/b": PayloadFile(b"", 0o400)})])
        await files.prepare(UID, [EmptyDirectory("e", paths.empty_directory(UID, "e"))])
        await files.prepare(UID, [TerminationLog(paths.termination_log(UID, "c", 0))])
    finally:
        os.umask(old)
    assert [mode(f"{path}/{name}") for name in ("", "a", "d", "d/b")] == [0o777, 0o755, 0o755, 0o400]
    assert mode(paths.empty_directory(UID, "e")) == 0o777
    assert mode(paths.durable(UID)) == 0o700
    assert mode(paths.termination_log(UID, "c", 0)) == 0o666


async def test_an_fs_group_owns_payloads_and_empty_dirs(files: HostPodFiles, paths: PodPaths) -> None:
    payload, empty, memory = paths.payload(UID, "v"), paths.empty_directory(UID, "e"), paths.memory_directory(UID, "m")
    await files.prepare(
        UID,
        [
            Payload("v", payload, {"a": PayloadFile(b"", 0o400), "d/b": PayloadFile(b"", 0o644)}, gid=1234),
            EmptyDirectory("e", empty, gid=1234),
            MemoryDirectory("m", memory, 1 << 20, gid=1234),
        ],
    )
    for path, expected in {
        f"{payload}/a": 0o440, f"{payload}/d": 0o2755, f"{payload}/d/b": 0o644, empty: 0o2777, memory: 0o2777,
    }.items():  # fmt: skip
        assert (mode(path), Path(path).stat().st_gid) == (expected, 1234), path


async def test_all_that_is_made_for_a_pod_with_users_of_its_own_belongs_to_its_root(
    files: HostPodFiles, paths: PodPaths
) -> None:
    root = await files.user_ids(UID)
    payload, empty, memory = paths.payload(UID, "v"), paths.empty_directory(UID, "e"), paths.memory_directory(UID, "m")
    grouped, log, hosts = paths.empty_directory(UID, "g"), paths.termination_log(UID, "c", 0), paths.hosts_file(UID)
    await files.prepare(
        UID,
        [
            Payload("v", payload, {"a": PayloadFile(b"", 0o400), "d/b": PayloadFile(b"")}),
            EmptyDirectory("e", empty),
            EmptyDirectory("g", grouped, gid=1234),
            MemoryDirectory("m", memory, 1 << 20),
            TerminationLog(log),
            HostsFile(hosts, "127.0.0.1 localhost"),
            SubPath("c", "e", empty, "x/y", paths.sub_path(UID, "c", 0)),
            SubPath("c", "g", grouped, "x/y", paths.sub_path(UID, "c", 1)),
        ],
    )
    owned = [payload, f"{payload}/a", f"{payload}/d", f"{payload}/d/b", empty, memory, log, hosts, f"{empty}/x/y"]
    for path in owned:
        assert (Path(path).stat().st_uid, Path(path).stat().st_gid) == (root, root), path
    for path in (grouped, f"{grouped}/x", f"{grouped}/x/y"):
        assert (Path(path).stat().st_uid, Path(path).stat().st_gid) == (root, root + 1234), path
    assert (mode(f"{payload}/a"), mode(f"{payload}/d"), mode(grouped)) == (0o400, 0o755, 0o2777)
    assert (Path(paths.volatile(UID)).stat().st_uid, mode(paths.volatile(UID))) == (0, 0o700)


async def test_a_host_path_stays_the_hosts_whoever_mounts_it(
    files: HostPodFiles, paths: PodPaths, tmp_path: Path
) -> None:
    await files.user_ids(UID)
    host = tmp_path / "host"
    await files.prepare(
        UID,
        [
            HostDirectory("h", str(host), "DirectoryOrCreate"),
            SubPath("c", "h", str(host), "made", paths.sub_path(UID, "c", 0)),
        ],
    )
    assert [path.stat().st_uid for path in (host, host / "made")] == [0, 0]


async def test_a_group_that_the_pods_users_do_not_have_is_no_owner(files: HostPodFiles, paths: PodPaths) -> None:
    await files.user_ids(UID)
    with pytest.raises(EdgeletError, match="group 70000 is not one of the 65536"):
        await files.prepare(UID, [EmptyDirectory("e", paths.empty_directory(UID, "e"), gid=70000)])


async def test_a_memory_dir_is_as_large_as_it_may_be(files: HostPodFiles, paths: PodPaths) -> None:
    path = paths.memory_directory(UID, "m")
    await files.prepare(UID, [MemoryDirectory("m", path, 64 * 1024)])
    with pytest.raises(OSError, match="No space left"):
        Path(path, "x").write_bytes(b"x" * 128 * 1024)
    assert mode(path) == 0o777


@pytest.mark.skipif(not Path("/sys/kernel/mm/hugepages").exists(), reason="this kernel has no huge pages")
async def test_huge_pages_are_a_file_system_of_their_own_with_that_page_size(
    files: HostPodFiles, paths: PodPaths
) -> None:
    size_kb = min(int(one.name[10:-2]) for one in Path("/sys/kernel/mm/hugepages").iterdir())
    path = paths.memory_directory(UID, "h")
    step = HugePagesDirectory("h", path, page_bytes=size_kb * 1024, size_bytes=size_kb * 2048, gid=1234)
    assert await files.prepare(UID, [step]) == {path}
    assert await files.prepare(UID, [step]) == frozenset()
    found = os.statvfs(path)
    assert (found.f_bsize, found.f_blocks) == (size_kb * 1024, 2)
    assert (mode(path), Path(path).stat().st_gid) == (0o2777, 1234)
    await files.remove(UID)
    assert not Path(paths.volatile(UID)).exists()


async def test_an_empty_dir_keeps_the_mode_that_its_pod_gave_it(files: HostPodFiles, paths: PodPaths) -> None:
    step = EmptyDirectory("e", paths.empty_directory(UID, "e"), gid=1234)
    await files.prepare(UID, [step])
    Path(step.path).chmod(0o700)
    os.chown(step.path, 999, 999)
    await files.prepare(UID, [step])
    assert (mode(step.path), Path(step.path).stat().st_gid) == (0o700, 999)


async def test_an_empty_dir_that_was_half_made_is_finished(files: HostPodFiles, paths: PodPaths) -> None:
    path = Path(paths.empty_directory(UID, "e"))
    path.with_name("..e").mkdir(parents=True)
    await files.prepare(UID, [EmptyDirectory("e", str(path))])
    assert os.listdir(path.parent) == ["e"]


async def test_removal_never_deletes_through_a_mount(files: HostPodFiles, paths: PodPaths, root: Path) -> None:
    (root / "precious").mkdir()
    (root / "precious" / "f").write_text("keep")
    step = EmptyDirectory("e", paths.empty_directory(UID, "e"))
    await files.prepare(UID, [step])
    for name in ("one", "two words"):  # mounted by a container with Bidirectional propagation
        inside = Path(step.path, name)
        inside.mkdir()
        mounts.bind(str(root / "precious"), str(inside))
        mounts.bind(str(root / "precious"), str(inside))
    await files.remove(UID)
    assert (root / "precious" / "f").read_text() == "keep"
    assert mounts.mounted_below(str(root)) == []
    assert not Path(paths.durable(UID)).exists()


async def test_removal_copes_with_trees_of_any_depth_and_links_out(
    files: HostPodFiles, paths: PodPaths, root: Path
) -> None:
    (root / "precious").write_text("keep")
    step = EmptyDirectory("e", paths.empty_directory(UID, "e"))
    await files.prepare(UID, [step])
    Path(step.path, "link").symlink_to(root)
    descriptor = os.open(step.path, os.O_RDONLY | os.O_DIRECTORY)
    for _ in range(1500):
        os.mkdir("d", dir_fd=descriptor)
        deeper = os.open("d", os.O_RDONLY | os.O_DIRECTORY, dir_fd=descriptor)
        os.close(descriptor)
        descriptor = deeper
    os.close(descriptor)
    await files.remove(UID)
    assert not Path(paths.durable(UID)).exists()
    assert (root / "precious").read_text() == "keep"


async def test_a_pod_with_every_kind_of_file_leaves_nothing_mounted(
    files: HostPodFiles, paths: PodPaths, root: Path
) -> None:
    steps: list[FileStep] = [
        Payload("v", paths.payload(UID, "v"), texts(a="1")),
        MemoryDirectory("m", paths.memory_directory(UID, "m"), 1 << 20),
        SubPath("c", "v", paths.payload(UID, "v"), "a", paths.sub_path(UID, "c", 0)),
        SubPath("c", "m", paths.memory_directory(UID, "m"), "x", paths.sub_path(UID, "c", 1)),
        LogDirectory(f"{paths.logs}/ns_p_{UID}/c", 0),
    ]
    await files.prepare(UID, steps)
    assert len(mounts.mounted_below(str(root))) == 4
    await files.prepare(UID, steps)
    assert len(mounts.mounted_below(str(root))) == 4
    await HostPodFiles(paths).remove(UID)  # another run of the agent
    assert mounts.mounted_below(str(root)) == []
    assert [
        name for name in ("run/pods", "volumes", "logs") if (root / name).exists() and os.listdir(root / name)
    ] == []


async def test_a_missing_tmpfs_is_made_again_after_a_reboot(files: HostPodFiles, paths: PodPaths) -> None:
    step = Payload("v", paths.payload(UID, "v"), texts(a="1"))
    await files.prepare(UID, [step])
    mounts.unmount(paths.volatile(UID))
    assert await files.prepare(UID, [step]) == {step.path}
    assert Path(step.path, "a").read_text() == "1"


async def test_a_log_tail_is_never_read_through_a_link_or_a_pipe(files: HostPodFiles, paths: PodPaths) -> None:
    directory = Path(paths.logs, f"ns_p_{UID}", "c")
    directory.mkdir(parents=True)
    (directory / "0.log").symlink_to("/etc/passwd")
    os.mkfifo(directory / "1.log")
    assert await files.read_tail(str(directory / "0.log"), 10) is None
    assert await files.read_tail(str(directory / "1.log"), 10) is None


async def test_a_cancelled_call_ends_only_when_its_work_has_stopped(
    files: HostPodFiles, paths: PodPaths, monkeypatch: pytest.MonkeyPatch
) -> None:
    started, go = threading.Event(), threading.Event()
    original = payload_directory.write

    def slow(*args: object, **kwargs: object) -> bool:
        started.set()
        assert go.wait(5)
        return original(*args, **kwargs)  # type: ignore[arg-type]

    monkeypatch.setattr(payload_directory, "write", slow)
    task = asyncio.create_task(files.prepare(UID, [Payload("v", paths.payload(UID, "v"), texts(a="1"))]))
    await asyncio.to_thread(started.wait, 5)
    task.cancel()
    await asyncio.sleep(0.02)
    assert not task.done()
    go.set()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert Path(paths.payload(UID, "v"), "a").read_text() == "1"


async def test_the_stub_resolver_of_the_host_is_not_handed_to_pods(
    paths: PodPaths, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (root / "stub").write_text("nameserver 127.0.0.53\noptions edns0\n")
    (root / "real").write_text("nameserver 192.0.2.1\n")
    monkeypatch.setattr("edgelet.adapters.host.pod_files._RESOLVED_CONF", str(root / "real"))
    assert await HostPodFiles(paths, resolv_conf_file=str(root / "stub")).resolv_conf() == "nameserver 192.0.2.1\n"
    (root / "real").unlink()
    assert "127.0.0.53" in await HostPodFiles(paths, resolv_conf_file=str(root / "stub")).resolv_conf()
    assert await HostPodFiles(paths, resolv_conf_file=str(root / "none")).resolv_conf() == ""


async def test_a_link_that_a_container_made_is_not_followed_out_of_its_volume(tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text("root's")
    volume = tmp_path / "volumes" / "uid" / "empty-dir" / "v"
    volume.mkdir(parents=True)
    (volume / "absolute").symlink_to(secret)
    (volume / "up").symlink_to("../../../../secret")
    (volume / "inside").symlink_to("plain")
    (volume / "plain").write_text("mine")
    os.mkfifo(volume / "pipe")
    files = HostPodFiles(
        PodPaths(run=str(tmp_path / "run"), volumes=str(tmp_path / "volumes"), logs=str(tmp_path / "logs"))
    )
    assert await files.read_in_volume(str(volume), "inside", 100) == b"mine"
    for name in ("absolute", "up", "pipe", "."):
        with pytest.raises(EdgeletError):
            await files.read_in_volume(str(volume), name, 100)
    assert await files.read_in_volume(str(volume), "absent/deep", 100) is None
    assert not (volume / "absent").exists()
