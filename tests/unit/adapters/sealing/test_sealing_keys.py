from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from edgelet.adapters.sealing import hpke
from edgelet.adapters.sealing.node_keys import CREDENTIAL_NAME, OLD_CREDENTIAL_NAME, NodeKeys
from edgelet.adapters.sealing.sealing_keys import SealingKeys
from edgelet.ports.sealing import UnreadableError

SECRET: dict[str, Any] = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "db"}, "stringData": {"p": "x"}}


def load(folder: Path, *, kept: int = 3, protect: bool = False) -> SealingKeys:
    if protect:
        node_keys = NodeKeys.of_credentials(folder, default=folder / "node.key")
    else:
        node_keys = NodeKeys.of_file(folder / "node.key", default=folder / "node.key")
    path = folder / "sealing.keys"
    return SealingKeys.load(path, node="acme/pi", kept=kept, node_keys=node_keys, protect=protect)


async def test_the_key_is_made_once_and_opens_what_is_sealed_for_it(tmp_path: Path) -> None:
    keys = load(tmp_path)
    sealed = hpke.seal(SECRET, node="acme/pi", namespace="default", key=keys.public_key)
    assert b'"p":"x"' in await load(tmp_path).open(sealed)
    assert (tmp_path / "sealing.keys").stat().st_mode & 0o777 == 0o600


async def test_older_keys_open_until_there_are_too_many(tmp_path: Path) -> None:
    keys = load(tmp_path, kept=2)
    sealed = hpke.seal(SECRET, node="acme/pi", namespace="default", key=keys.public_key)
    keys.rotate()
    assert keys.ids[0] != sealed.key
    assert await load(tmp_path, kept=2).open(sealed)
    keys.rotate()
    assert len(keys.ids) == 2
    with pytest.raises(UnreadableError, match=f"for key {sealed.key}; this node's key is {keys.ids[0]}: seal it anew"):
        await keys.open(sealed)


async def test_what_is_for_another_node_says_so(tmp_path: Path) -> None:
    keys = load(tmp_path)
    sealed = hpke.seal(SECRET, node="acme/pj", namespace="default", key=keys.public_key)
    with pytest.raises(UnreadableError, match="for node acme/pj, this is acme/pi"):
        await keys.open(sealed)


async def test_under_a_credential_the_file_shows_no_key(tmp_path: Path) -> None:
    clear = load(tmp_path)
    sealed = hpke.seal(SECRET, node="acme/pi", namespace="default", key=clear.public_key)
    assert b'"private"' in (tmp_path / "sealing.keys").read_bytes()
    (tmp_path / CREDENTIAL_NAME).write_bytes(os.urandom(32))
    keys = load(tmp_path, protect=True)
    assert keys.public_key == clear.public_key
    assert b'"private"' not in (tmp_path / "sealing.keys").read_bytes()
    (tmp_path / CREDENTIAL_NAME).rename(tmp_path / OLD_CREDENTIAL_NAME)
    (tmp_path / CREDENTIAL_NAME).write_bytes(os.urandom(32))
    load(tmp_path, protect=True)
    (tmp_path / OLD_CREDENTIAL_NAME).unlink()
    assert await load(tmp_path, protect=True).open(sealed), "it was written anew under the new credential"


async def test_without_the_credential_the_board_goes_on_and_says_what_is_wrong(tmp_path: Path) -> None:
    (tmp_path / CREDENTIAL_NAME).write_bytes(os.urandom(32))
    before = load(tmp_path, protect=True).public_key
    kept = (tmp_path / CREDENTIAL_NAME).rename(tmp_path / "away")
    keys = load(tmp_path, protect=True)
    assert keys.public_key == b""
    assert "cannot be read" in keys.trouble
    kept.rename(tmp_path / CREDENTIAL_NAME)
    assert load(tmp_path, protect=True).public_key == before


@pytest.mark.parametrize(
    "content",
    [
        *(b"", b"{", b"[]", b'{"keys": [{}]}', b'{"keys": []}', b'{"keys": 1}', b'{"sealed": "AA"}'),
        b'{"keys": [{"private": "AA==", "public": "AA=="}]}',
    ],
)
def test_a_damaged_file_is_set_aside_and_there_is_a_new_key(tmp_path: Path, content: bytes) -> None:
    before = load(tmp_path).public_key
    (tmp_path / "sealing.keys").write_bytes(content)
    keys = load(tmp_path)
    assert keys.set_aside == (tmp_path / "sealing.keys.unusable",)
    assert keys.set_aside[0].read_bytes() == content
    assert keys.trouble == ""
    assert keys.public_key not in {b"", before}
    assert load(tmp_path).public_key == keys.public_key


def test_keys_that_cannot_be_read_are_not_overwritten_by_a_new_one(tmp_path: Path) -> None:
    (tmp_path / CREDENTIAL_NAME).write_bytes(os.urandom(32))
    load(tmp_path, protect=True)
    kept = (tmp_path / "sealing.keys").read_bytes()
    (tmp_path / CREDENTIAL_NAME).write_bytes(os.urandom(32))  # not the one that opens them
    keys = load(tmp_path, protect=True)
    assert keys.trouble
    keys.rotate()
    assert (tmp_path / "sealing.keys.unusable").read_bytes() == kept
    assert keys.public_key
