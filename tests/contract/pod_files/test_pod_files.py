"""What the fake and the real files of pods promise alike."""

from __future__ import annotations

import pytest

from edgelet.api.errors import EdgeletError
from edgelet.ports.pod_files import (
    USER_IDS,
    EmptyDirectory,
    FileStep,
    HostDirectory,
    HostsFile,
    LogDirectory,
    MemoryDirectory,
    Payload,
    PayloadFile,
    SubPath,
    TerminationLog,
)
from tests.contract.pod_files.boards import Board

UID = "0f6f2d0e-0001"


def payload(board: Board, **texts: str) -> Payload:
    files = {name.replace("__", "/"): PayloadFile(text.encode()) for name, text in texts.items()}
    return Payload(volume="v", path=board.files.paths.payload(UID, "v"), files=files)


async def test_a_payload_shows_its_files(board: Board) -> None:
    step = payload(board, a="1", sub__b="2")
    assert await board.files.prepare(UID, [step]) == {step.path}
    assert board.read(f"{step.path}/a") == b"1"
    assert board.read(f"{step.path}/sub/b") == b"2"


async def test_an_equal_payload_is_not_written_again(board: Board) -> None:
    await board.files.prepare(UID, [payload(board, a="1")])
    assert await board.files.prepare(UID, [payload(board, a="1")]) == frozenset()


async def test_a_changed_payload_replaces_adds_and_removes(board: Board) -> None:
    await board.files.prepare(UID, [payload(board, a="1", b="2", sub__c="3")])
    step = payload(board, a="new", d="4")
    assert await board.files.prepare(UID, [step]) == {step.path}
    found = {name: board.read(f"{step.path}/{name}") for name in ("a", "b", "sub/c", "d")}
    assert found == {"a": b"new", "b": None, "sub/c": None, "d": b"4"}


async def test_a_payload_may_become_empty_and_fill_again(board: Board) -> None:
    await board.files.prepare(UID, [payload(board)])
    await board.files.prepare(UID, [payload(board, a="1")])
    await board.files.prepare(UID, [payload(board)])
    step = payload(board, a="2")
    await board.files.prepare(UID, [step])
    assert board.read(f"{step.path}/a") == b"2"


@pytest.mark.parametrize("path", ["../x", "a/../../x", "/x", "..x"])
async def test_a_payload_that_leaves_its_directory_is_refused(board: Board, path: str) -> None:
    step = Payload(volume="v", path=board.files.paths.payload(UID, "v"), files={path: PayloadFile(b"")})
    with pytest.raises(EdgeletError, match=r'MountVolume\.SetUp failed for volume "v" : ') as caught:
        await board.files.prepare(UID, [step])
    assert caught.value.reason == "FailedMount"


async def test_an_empty_dir_is_made_once_and_keeps_its_content(board: Board) -> None:
    step = EmptyDirectory(volume="v", path=board.files.paths.empty_directory(UID, "v"))
    assert await board.files.prepare(UID, [step]) == {step.path}
    board.write(f"{step.path}/x", b"kept")
    assert await board.files.prepare(UID, [step]) == frozenset()
    assert board.read(f"{step.path}/x") == b"kept"


async def test_a_memory_dir_is_made_once_and_keeps_its_content(board: Board) -> None:
    step = MemoryDirectory(volume="v", path=board.files.paths.memory_directory(UID, "v"), size_bytes=1 << 20)
    assert await board.files.prepare(UID, [step]) == {step.path}
    board.write(f"{step.path}/x", b"kept")
    assert await board.files.prepare(UID, [step]) == frozenset()
    assert board.read(f"{step.path}/x") == b"kept"


async def test_a_host_path_is_made_where_its_type_says_so(board: Board) -> None:
    steps = [HostDirectory("a", board.host("a"), "DirectoryOrCreate"), HostDirectory("b", board.host("b"))]
    assert await board.files.prepare(UID, steps) == {board.host("a"), board.host("b")}
    assert board.is_directory(board.host("a"))
    assert await board.files.prepare(UID, steps) == frozenset()


async def test_a_host_path_of_another_type_is_refused(board: Board) -> None:
    with pytest.raises(EdgeletError, match=r'MountVolume\.SetUp failed for volume "v" : hostPath') as caught:
        await board.files.prepare(UID, [HostDirectory("v", board.host("d", "Directory"), "File")])
    assert caught.value.reason == "FailedMount"


async def test_a_missing_host_path_is_refused_where_it_must_exist(board: Board) -> None:
    with pytest.raises(EdgeletError, match="doesn't exist"):
        await board.files.prepare(UID, [HostDirectory("v", board.host("d"), "Directory")])


async def test_nothing_is_made_where_the_policy_has_a_path_only_read(board: Board) -> None:
    for kind in ("", "DirectoryOrCreate", "FileOrCreate"):
        with pytest.raises(EdgeletError, match="doesn't exist"):
            await board.files.prepare(UID, [HostDirectory("v", board.host("d"), kind, make=False)])
    there = HostDirectory("v", board.host("e", "Directory"), "DirectoryOrCreate", make=False)
    assert await board.files.prepare(UID, [there]) == frozenset()
    sub = SubPath("c", "v", there.path, "x", board.files.paths.sub_path(UID, "c", 0), make=False)
    with pytest.raises(EdgeletError, match="failed to prepare subPath"):
        await board.files.prepare(UID, [sub])


async def test_steps_before_a_failed_one_stay_done(board: Board) -> None:
    good = payload(board, a="1")
    with pytest.raises(EdgeletError):
        await board.files.prepare(UID, [good, HostDirectory("v", board.host("d"), "Socket")])
    assert board.read(f"{good.path}/a") == b"1"


async def test_a_sub_path_of_a_payload_is_pinned_to_what_it_was(board: Board) -> None:
    volume = payload(board, a="old")
    target = board.files.paths.sub_path(UID, "c", 0)
    sub = SubPath(container="c", volume="v", volume_path=volume.path, sub_path="a", target=target)
    assert target in await board.files.prepare(UID, [volume, sub])
    await board.files.prepare(UID, [payload(board, a="new")])
    assert board.read(target) == b"old"
    assert await board.files.prepare(UID, [sub]) == {target}  # the next start
    assert board.read(target) == b"new"


async def test_a_missing_sub_path_becomes_a_directory(board: Board) -> None:
    volume = EmptyDirectory(volume="v", path=board.files.paths.empty_directory(UID, "v"))
    target = board.files.paths.sub_path(UID, "c", 0)
    sub = SubPath(container="c", volume="v", volume_path=volume.path, sub_path="x/y", target=target)
    await board.files.prepare(UID, [volume, sub])
    assert board.is_directory(target)
    assert board.is_directory(f"{volume.path}/x/y")


async def test_a_whole_volume_is_pinned_read_only(board: Board) -> None:
    volume = EmptyDirectory(path=board.files.paths.empty_directory(UID, "v"), volume="v")
    target = board.files.paths.sub_path(UID, "c", 0)
    sub = SubPath("c", "v", volume.path, "", target, recursive_read_only=True)
    assert target in await board.files.prepare(UID, (volume, sub))
    assert board.is_directory(target)


async def test_a_sub_path_that_leads_out_is_refused_without_details(board: Board) -> None:
    volume = EmptyDirectory(volume="v", path=board.files.paths.empty_directory(UID, "v"))
    sub = SubPath("c", "v", volume.path, "../../x", board.files.paths.sub_path(UID, "c", 0))
    with pytest.raises(EdgeletError) as caught:
        await board.files.prepare(UID, [volume, sub])
    assert caught.value.reason == "CreateContainerConfigError"
    assert caught.value.message == 'failed to prepare subPath for volumeMount "v" of container "c"'


async def test_the_hosts_file_is_rewritten_only_if_it_differs(board: Board) -> None:
    path = board.files.paths.hosts_file(UID)
    assert await board.files.prepare(UID, [HostsFile(path, head="a long first version\n")]) == {path}
    assert await board.files.prepare(UID, [HostsFile(path, head="a\n")]) == {path}
    assert board.read(path) == b"a\n"
    assert await board.files.prepare(UID, [HostsFile(path, head="a\n")]) == frozenset()


async def test_the_hosts_file_of_a_host_network_pod_holds_the_nodes_own(board: Board) -> None:
    path = board.files.paths.hosts_file(UID)
    await board.files.prepare(UID, [HostsFile(path, head="# head\n", tail="# tail\n", with_node_file=True)])
    assert board.read(path) == b"# head\n127.0.0.1\tlocalhost\n# tail\n"


async def test_termination_logs_of_long_ended_instances_are_forgotten(board: Board) -> None:
    paths = [board.files.paths.termination_log(UID, "c", instance) for instance in range(4)]
    for path in paths:
        await board.files.prepare(UID, [TerminationLog(path)])
        board.write(path, b"bye")
    assert [board.read(path) for path in paths] == [None, None, b"bye", b"bye"]


async def test_logs_of_long_ended_instances_are_forgotten(board: Board) -> None:
    directory = f"{board.files.paths.logs}/ns_p_{UID}/c"
    for instance in range(4):
        await board.files.prepare(UID, [LogDirectory(directory, instance)])
        board.write(f"{directory}/{instance}.log", b"x")
        board.write(f"{directory}/{instance}.log.20260101-000000", b"x")
    assert board.read(f"{directory}/1.log") is None
    assert board.read(f"{directory}/1.log.20260101-000000") is None
    assert board.read(f"{directory}/2.log") == b"x"
    assert await board.files.last_instances(directory.rpartition("/")[0]) == {"c": 3}


async def test_no_logs_means_no_instances(board: Board) -> None:
    assert await board.files.last_instances(f"{board.files.paths.logs}/ns_p_{UID}") == {}


async def test_the_tail_of_a_file_is_bounded_and_a_missing_one_is_none(board: Board) -> None:
    path = board.files.paths.termination_log(UID, "c", 0)
    assert await board.files.read_tail(path, 10) is None
    await board.files.prepare(UID, [TerminationLog(path)])
    assert await board.files.read_tail(path, 10) == b""
    board.write(path, b"0123456789abc")
    assert await board.files.read_tail(path, 10) == b"3456789abc"


async def test_the_nodes_resolver_configuration_is_given(board: Board) -> None:
    assert await board.files.resolv_conf() == "nameserver 192.0.2.53\n"


async def test_a_removed_pod_leaves_nothing(board: Board) -> None:
    paths = board.files.paths
    steps: list[FileStep] = [
        payload(board, a="1"),
        EmptyDirectory("e", paths.empty_directory(UID, "e")),
        MemoryDirectory("m", paths.memory_directory(UID, "m"), 1 << 20),
        SubPath("c", "e", paths.empty_directory(UID, "e"), "x", paths.sub_path(UID, "c", 0)),
        LogDirectory(f"{paths.logs}/ns_p_{UID}/c", 0),
    ]
    await board.files.prepare(UID, steps)
    await board.files.prepare("other", [EmptyDirectory("e", paths.empty_directory("other", "e"))])
    assert await board.files.list() == {UID, "other"}
    await board.files.remove(UID)
    assert await board.files.list() == {"other"}
    assert board.read(f"{steps[0].path if isinstance(steps[0], Payload) else ''}/a") is None
    assert not board.is_directory(paths.empty_directory(UID, "e"))
    assert board.is_directory(paths.empty_directory("other", "e"))
    await board.files.remove(UID)  # again, nothing there


async def test_orphans_are_found_by_their_logs_too(board: Board) -> None:
    board.write(f"{board.files.paths.logs}/ns_p_gone/c/0.log", b"")
    assert await board.files.list() == {"gone"}
    await board.files.remove("gone")
    assert await board.files.list() == frozenset()


@pytest.mark.parametrize("uid", ["", "..", "a/b", "a\0", "-x", "ä"])
async def test_a_uid_that_is_no_name_is_refused(board: Board, uid: str) -> None:
    with pytest.raises(EdgeletError, match="is no pod uid"):
        await board.files.prepare(uid, [])


async def test_steps_outside_of_the_pods_directories_are_refused(board: Board) -> None:
    paths = board.files.paths
    outside: list[FileStep] = [
        Payload("v", paths.payload("other", "v"), {}),
        EmptyDirectory("v", f"{paths.durable(UID)}/../../etc"),
        TerminationLog("/etc/passwd"),
        LogDirectory("/var/x", 0),
        HostsFile("/etc/hosts", ""),
        SubPath("c", "v", "/tmp", "x", "/etc/x"),
    ]
    for step in outside:
        with pytest.raises(EdgeletError, match="is not inside"):
            await board.files.prepare(UID, [step])
    with pytest.raises(EdgeletError, match="is not inside"):
        await board.files.read_tail("/etc/passwd", 10)


async def test_an_ended_pod_gives_its_volumes_back_and_keeps_its_logs(board: Board) -> None:
    paths = board.files.paths
    empty = EmptyDirectory(volume="v", path=paths.empty_directory(UID, "v"))
    memory = MemoryDirectory(volume="m", path=paths.memory_directory(UID, "m"), size_bytes=1 << 20)
    logs = LogDirectory(path=f"{paths.logs}/default_web_{UID}/app", instance=0)
    await board.files.prepare(UID, [empty, memory, logs])
    for path in (empty.path, memory.path, logs.path):
        board.write(f"{path}/0.log", b"x")
    await board.files.remove_volumes(UID)
    await board.files.remove_volumes(UID)
    assert [board.read(f"{one.path}/0.log") for one in (empty, memory, logs)] == [None, None, b"x"]
    await board.files.remove(UID)
    assert board.read(f"{logs.path}/0.log") is None


async def test_a_file_in_a_volume_is_read_whole_or_not_at_all(board: Board) -> None:
    step = EmptyDirectory(volume="v", path=board.files.paths.empty_directory(UID, "v"))
    await board.files.prepare(UID, [step])
    board.write(f"{step.path}/x", b"12345")
    assert await board.files.read_in_volume(step.path, "x", 5) == b"12345"
    assert await board.files.read_in_volume(step.path, "y", 5) is None
    with pytest.raises(EdgeletError) as caught:
        await board.files.read_in_volume(step.path, "x", 4)
    assert caught.value.reason == "CreateContainerConfigError"


async def test_what_leads_out_of_the_volume_is_not_read(board: Board) -> None:
    step = EmptyDirectory(volume="v", path=board.files.paths.empty_directory(UID, "v"))
    await board.files.prepare(UID, [step])
    with pytest.raises(EdgeletError):
        await board.files.read_in_volume(step.path, "../../etc/passwd", 100)
    with pytest.raises(EdgeletError):
        await board.files.read_in_volume("/etc", "passwd", 100)


async def test_pods_have_user_ids_of_their_own_until_their_volumes_are_gone(board: Board) -> None:
    one, other = await board.files.user_ids("pod-1"), await board.files.user_ids("pod-2")
    assert abs(one - other) >= USER_IDS
    assert await board.files.user_ids("pod-1") == one
    assert {"pod-1", "pod-2"} <= await board.files.list()
    await board.files.remove_volumes("pod-1")
    assert await board.files.user_ids("pod-3") == one
    await board.files.remove("pod-2")
    assert await board.files.user_ids("pod-4") == other
