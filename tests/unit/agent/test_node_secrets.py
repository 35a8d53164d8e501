from __future__ import annotations

import asyncio
import os
from pathlib import Path

import pytest

from edgelet.adapters.host.clock import SystemClock
from edgelet.adapters.sqlite.store import SqliteStore
from edgelet.agent import node_secrets, state
from edgelet.agent.node_secrets import NodeSecrets
from edgelet.api.errors import EdgeletError
from edgelet.config.paths import PathSettings
from edgelet.config.secrets import SecretSettings
from edgelet.config.settings import Settings
from edgelet.ports.object_store import Key
from tests.fakes.events import FakeEvents

NODE = Key("Node", "", "pi-01")
DB = Key("Secret", "default", "db")
DOCUMENT = {"apiVersion": "v1", "kind": "Secret", "data": {"p": "dG9w"}}


def start(folder: Path, *, node_key: str = "", credentials: Path | None = None) -> tuple[NodeSecrets, SqliteStore]:
    settings = Settings(paths=PathSettings(state=folder), secrets=SecretSettings(node_key=node_key))
    environ = {"CREDENTIALS_DIRECTORY": str(credentials)} if credentials else {}
    secrets = NodeSecrets.open(settings, environ)
    opened = state.open_state(settings, SystemClock(), at_rest=secrets.node_keys)
    secrets.settle(opened.store)
    return secrets, opened.store


async def kept(store: SqliteStore) -> object:
    found = store.get(DB)
    return found.document.get("data") if found else None


async def test_a_board_tells_its_keys_and_not_what_is_in_them(tmp_path: Path) -> None:
    secrets, store = start(tmp_path)
    told = secrets.describe()
    assert (told["node"], told["unreadable"], secrets.trouble) == ("default/" + Settings().node.name, 0, "")
    assert told["publicKey"] == secrets.public_key != ""
    private = secrets.sealing._keys[0].private
    assert private.hex() not in repr(told)
    await store.close()


async def test_the_key_is_moved_by_its_setting_alone(tmp_path: Path) -> None:
    secrets, store = start(tmp_path)
    await store.put(DB, DOCUMENT, source="mqtt")
    await store.close()
    elsewhere = tmp_path / "elsewhere" / "node.key"
    secrets, store = start(tmp_path, node_key=str(elsewhere))
    assert await kept(store) == DOCUMENT["data"]
    assert secrets.trouble == ""
    assert elsewhere.exists()
    assert not (tmp_path / "secrets" / "node.key").exists()
    await store.close()


async def test_a_key_file_gives_way_to_a_credential_and_that_to_the_next_one(tmp_path: Path) -> None:
    given = tmp_path / "given"
    given.mkdir()
    _, store = start(tmp_path)
    await store.put(DB, DOCUMENT, source="mqtt")
    await store.close()
    (given / "edgelet.node-key").write_bytes(os.urandom(32))
    secrets, store = start(tmp_path, node_key="credential", credentials=given)
    assert await kept(store) == DOCUMENT["data"]
    assert not (tmp_path / "secrets" / "node.key").exists()
    assert b"private" not in (tmp_path / "secrets" / "sealing.keys").read_bytes()
    with pytest.raises(EdgeletError, match="systemd-creds"):
        await secrets.rotate_node_key()
    public = secrets.public_key
    await store.close()
    (given / "edgelet.node-key").rename(given / "edgelet.node-key-old")
    (given / "edgelet.node-key").write_bytes(os.urandom(32))
    _, store = start(tmp_path, node_key="credential", credentials=given)
    await store.close()
    (given / "edgelet.node-key-old").unlink()
    secrets, store = start(tmp_path, node_key="credential", credentials=given)
    assert await kept(store) == DOCUMENT["data"]
    assert secrets.public_key == public
    await store.close()


async def test_without_its_credential_the_board_runs_and_says_that_secrets_cannot_be_read(tmp_path: Path) -> None:
    given = tmp_path / "given"
    given.mkdir()
    (given / "edgelet.node-key").write_bytes(os.urandom(32))
    _, store = start(tmp_path, node_key="credential", credentials=given)
    await store.put(DB, DOCUMENT, source="mqtt")
    await store.close()
    secrets, store = start(tmp_path, node_key="credential")
    assert "there is no credential edgelet.node-key" in secrets.trouble
    assert [one.key for one in store.unreadable] == [DB]
    with pytest.raises(EdgeletError, match="no node key"):
        await store.put(DB, DOCUMENT, source="mqtt")
    await store.close()
    secrets, store = start(tmp_path, node_key="credential", credentials=given)
    assert (await kept(store), secrets.trouble) == (DOCUMENT["data"], "")
    await store.close()


async def test_it_is_told_when_what_could_not_be_read_came_back(tmp_path: Path) -> None:
    _, store = start(tmp_path)
    await store.put(DB, DOCUMENT, source="mqtt")
    await store.close()
    (tmp_path / "secrets" / "node.key").unlink()
    secrets, store = start(tmp_path)
    assert "1 Secrets cannot be read: Secret default/db" in secrets.trouble
    told: list[str] = []
    following = asyncio.create_task(secrets.follow(lambda: told.append(secrets.trouble)))
    await asyncio.sleep(0)
    await store.put(DB, DOCUMENT, source="mqtt")
    async with asyncio.timeout(10):
        await following
    assert told == [""]
    await store.close()


async def test_the_database_can_be_written_while_the_key_is_changed(tmp_path: Path) -> None:
    secrets, store = start(tmp_path)
    keys = {secrets.node_keys.key}
    for number in range(5):
        name = Key("Secret", "default", f"s{number}")
        changing = secrets.rotate_node_key()
        await asyncio.gather(changing, *(store.put(name, DOCUMENT, source="mqtt") for _ in range(20)))
        keys.add(secrets.node_keys.key)
    assert len(keys) == 6
    await store.close()
    secrets, store = start(tmp_path)
    assert store.unreadable == ()
    assert len(store.list("Secret")) == 5
    await store.close()


def told(secrets: NodeSecrets, store: SqliteStore) -> dict[str, str]:
    events = FakeEvents()
    node_secrets.tell(secrets, store, events, NODE)
    assert {(one.regarding, one.type) for one in events.recorded} <= {(NODE, "Warning")}
    return {one.reason: one.message for one in events.recorded}


async def test_good_keys_are_no_event(tmp_path: Path) -> None:
    secrets, store = start(tmp_path)
    assert told(secrets, store) == {}
    await store.close()


async def test_damaged_files_of_both_keys_are_events_of_the_node_that_name_what_was_kept(tmp_path: Path) -> None:
    _, store = start(tmp_path)
    await store.close()
    for name in ("node.key.next", "sealing.keys"):
        (tmp_path / "secrets" / name).write_bytes(b"rubbish")
    secrets, store = start(tmp_path)
    events = told(secrets, store)
    assert set(events) == {"NodeKeyUnusable", "SealingKeysUnusable"}
    assert str(tmp_path / "secrets" / "node.key.next.unusable") in events["NodeKeyUnusable"]
    assert str(tmp_path / "secrets" / "sealing.keys.unusable") in events["SealingKeysUnusable"]
    assert "has to be sealed anew" in events["SealingKeysUnusable"]
    await store.close()
    secrets, store = start(tmp_path)
    assert told(secrets, store) == {}  # once
    await store.close()


async def test_a_directory_in_the_next_keys_place_is_an_event_and_secrets_are_kept(tmp_path: Path) -> None:
    _, store = start(tmp_path)
    await store.put(DB, DOCUMENT, source="mqtt")
    await store.close()
    (tmp_path / "secrets" / "node.key.next").mkdir()
    secrets, store = start(tmp_path)
    assert await kept(store) == DOCUMENT["data"]
    events = told(secrets, store)
    assert set(events) == {"NodeKeyUnusable"}
    assert f"{tmp_path}/secrets/node.key.next cannot be read: Is a directory" in events["NodeKeyUnusable"]
    with pytest.raises(EdgeletError, match=r"node\.key\.next"):
        await secrets.rotate_node_key()
    await store.put(DB, DOCUMENT | {"data": {"p": "bmV3"}}, source="mqtt")
    await store.close()
    _, store = start(tmp_path)
    assert await kept(store) == {"p": "bmV3"}
    await store.close()
