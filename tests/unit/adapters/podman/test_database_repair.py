"""Repair of Podman's database, with a program in Podman's place."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from edgelet.adapters.host import mounts
from edgelet.adapters.podman import database_repair
from edgelet.adapters.podman.database_repair import Place
from edgelet.adapters.podman.recovery import Sweeper
from edgelet.api.errors import EngineError

AWAY = EngineError("EngineUnavailable", "podman did not answer: opening database /s/bolt_state.db: invalid database")
_PODMAN = """#!/bin/sh
echo "$@" >>{log}
case "$1 $3" in
"ps --quiet") [ -e {database} ] && echo "{words}" >&2 && exit 125; exit 0 ;;
"ps --external") echo aaa; echo bbb ;;
esac
"""


def place(folder: Path, words: str = "Error: opening database bolt_state.db: invalid database") -> Place:
    program, database = folder / "podman", folder / "s" / "libpod" / "bolt_state.db"
    database.parent.mkdir(parents=True)
    database.write_bytes(b"\0" * 100)
    (folder / "rr" / "networks").mkdir(parents=True)
    (folder / "rr" / "networks" / "ipam.db").touch()
    program.write_text(_PODMAN.format(log=folder / "log", database=database, words=words))
    program.chmod(0o755)
    return Place(
        argv=(str(program),),
        environment={"PATH": "/usr/bin:/bin"},
        storage_root=folder / "s",
        run_root=folder / "rr",
        intents=Sweeper(run_dir=folder / "run", oci_runtime="runc"),
        oci_runtimes=(),
    )


async def test_the_database_is_kept_aside_and_what_blocks_names_is_removed(tmp_path: Path) -> None:
    done = await database_repair.mend(place(tmp_path), AWAY)
    assert "bolt_state.db.damaged" in done
    assert (tmp_path / "s" / "libpod" / "bolt_state.db.damaged").stat().st_size == 100
    assert not (tmp_path / "rr" / "networks" / "ipam.db").exists()
    assert (tmp_path / "log").read_text().splitlines()[-2:] == ["rm --force --time 0 aaa", "rm --force --time 0 bbb"]


@pytest.mark.parametrize("words", ["Error: netavark is missing", "no space left on device"])
async def test_other_troubles_touch_nothing(tmp_path: Path, words: str) -> None:
    assert await database_repair.mend(place(tmp_path, words), AWAY) == ""
    assert (tmp_path / "s" / "libpod" / "bolt_state.db").exists()


@pytest.mark.parametrize("why", ["read-only", "full"])
async def test_nothing_is_ended_where_no_new_one_can_be_made(
    tmp_path: Path, why: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    ended: list[Place] = []
    monkeypatch.setattr(database_repair, "_end_all", ended.append)
    found = place(tmp_path)
    folder = str(found.storage_root / "libpod")
    if why == "full":
        mounts.mount_tmpfs(folder, size_bytes=1 << 16, mode=0o700)
        (Path(folder) / "bolt_state.db").write_bytes(bytes(1 << 16))
    else:
        mounts.bind_read_only(folder, folder)
    try:
        with pytest.raises(EngineError, match=f"nothing can be written to {folder}") as caught:
            await database_repair.mend(found, AWAY)
    finally:
        mounts.unmount(folder)
    assert caught.value.reason == "EngineUnavailable"
    assert "invalid database" in caught.value.message
    assert ended == []
    assert (Path(folder) / "bolt_state.db").exists()


async def test_a_storage_of_others_is_not_repaired_and_the_remedy_is_told() -> None:
    with pytest.raises(EngineError, match="podman system reset"):
        await database_repair.mend(None, AWAY)
    assert await database_repair.mend(None, EngineError("EngineUnavailable", "no answer within 5 s")) == ""


@pytest.mark.parametrize(
    "words",
    ["github.com/etcd-io/bbolt.(*DB).page", "Error: database disk image is malformed", "file is not a database"],
)
async def test_a_stack_trace_of_its_database_counts_as_damage(tmp_path: Path, words: str) -> None:
    assert await database_repair.mend(place(tmp_path, words), AWAY) != ""


def test_what_the_former_containers_have_on_the_host_is_read_from_their_configurations(tmp_path: Path) -> None:
    uid = "11111111-2222-3333-4444-555555555555"
    infra, main, half = (letter * 64 for letter in "abc")
    pod = f"/edgelet/besteffort/pod{uid}/{'d' * 64}"
    spaces = [{"type": "pid"}, {"type": "network", "path": "/run/netns/netns-1"}]
    elsewhere = [{"type": "network", "path": "/proc/1/ns/net"}]
    for container, group, namespaces in ((infra, pod, spaces), (main, f"/edgelet/pod{uid}", elsewhere)):
        folder = tmp_path / "overlay-containers" / container / "userdata"
        folder.mkdir(parents=True)
        linux = {"cgroupsPath": f"{group}/libpod-{container}", "namespaces": namespaces}
        (folder / "config.json").write_text(json.dumps({"linux": linux}))
    (tmp_path / "overlay-containers" / half / "userdata").mkdir(parents=True)
    (tmp_path / "overlay-containers" / half / "userdata" / "config.json").write_text("{")
    found = database_repair.remains(tmp_path)
    assert set(found.container_ids) == {infra, main}
    assert set(found.cgroup_paths) == {
        *(f"{pod}/libpod-{infra}", pod, f"/edgelet/besteffort/pod{uid}"),
        *(f"/edgelet/pod{uid}/libpod-{main}", f"/edgelet/pod{uid}"),
    }
    assert found.netns_paths == ("/run/netns/netns-1",)
