"""Secrets and their keys over the socket: root's business."""

from __future__ import annotations

import json
from dataclasses import dataclass, field, replace

import pytest

from edgelet.ports.local_api import Peer, Request, Response
from edgelet.ports.object_store import Key
from edgelet.remote.api import LocalApi
from tests.flow.local_api.board import Board

ROOT, SOMEBODY = Peer(1, 0, 0), Peer(2, 1000, 1000)
SECRETS = "/api/v1/namespaces/default/secrets"


@dataclass
class Keys:
    """What the agent knows of its keys."""

    changed: list[str] = field(default_factory=list)

    def describe(self) -> dict[str, object]:
        return {"node": "default/pi-01", "publicKey": "AAAA", "nodeKey": "12"}

    async def rotate_node_key(self) -> None:
        self.changed.append("node")

    async def rotate_sealing_key(self) -> None:
        self.changed.append("sealing")


async def asked(board: Board, method: str, path: str, peer: Peer, keys: Keys | None = None) -> Response:
    body = json.dumps({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "db"}}).encode()
    request = Request(method, tuple(path.strip("/").split("/")), {}, {}, body if method != "GET" else b"", peer)
    found = await LocalApi(replace(board.parts(), secrets=keys or Keys()))(request)
    assert isinstance(found, Response)
    return found


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", SECRETS),
        ("GET", f"{SECRETS}/db"),
        ("GET", "/api/v1/secrets"),
        ("POST", SECRETS),
        ("PATCH", f"{SECRETS}/db"),
        ("PUT", f"{SECRETS}/db"),
        ("DELETE", f"{SECRETS}/db"),
        ("POST", "/edgelet/v1/secrets/rotate-key"),
        ("POST", "/edgelet/v1/secrets/rotate-sealing-key"),
    ],
)
async def test_who_is_in_the_sockets_group_and_not_root_is_refused(board: Board, method: str, path: str) -> None:
    await board.store.put(Key("Secret", "default", "db"), {"kind": "Secret", "data": {"p": "dG9w"}}, source="mqtt")
    refused = await asked(board, method, path, SOMEBODY)
    assert refused.code == 403
    assert json.loads(refused.body)["message"] == "secrets is forbidden: user 1000 is not root"
    assert b"dG9w" not in refused.body


async def test_a_namespace_with_secrets_is_roots_to_delete(board: Board) -> None:
    secret = Key("Secret", "shop", "db")
    await board.store.put(secret, {"kind": "Secret", "metadata": {"name": "db", "namespace": "shop"}}, source="api")
    refused = await asked(board, "DELETE", "/api/v1/namespaces/shop", SOMEBODY)
    assert (refused.code, board.store.get(secret) is None) == (403, False)
    assert (await asked(board, "DELETE", "/api/v1/namespaces/shop", ROOT)).code == 200
    assert board.store.get(secret) is None


async def test_root_sees_them_as_with_kubectl(board: Board) -> None:
    await board.store.put(Key("Secret", "default", "db"), {"kind": "Secret", "data": {"p": "dG9w"}}, source="mqtt")
    found = await asked(board, "GET", f"{SECRETS}/db", ROOT)
    assert (found.code, json.loads(found.body)["data"]) == (200, {"p": "dG9w"})


async def test_others_see_pods_and_the_public_key(board: Board) -> None:
    await board.put_pod("web")
    assert (await asked(board, "GET", "/api/v1/namespaces/default/pods/web", SOMEBODY)).code == 200
    told = await asked(board, "GET", "/edgelet/v1/secrets", SOMEBODY)
    assert json.loads(told.body)["publicKey"] == "AAAA"


async def test_root_changes_keys(board: Board) -> None:
    keys = Keys()
    for path in ("rotate-key", "rotate-sealing-key"):
        done = await asked(board, "POST", f"/edgelet/v1/secrets/{path}", ROOT, keys)
        assert (done.code, json.loads(done.body)["nodeKey"]) == (200, "12")
    assert keys.changed == ["node", "sealing"]


@pytest.mark.parametrize(
    ("method", "path", "code"), [("GET", "rotate-key", 405), ("POST", "", 405), ("POST", "other", 404)]
)
async def test_anything_else_is_no_such_thing(board: Board, method: str, path: str, code: int) -> None:
    assert (await asked(board, method, f"/edgelet/v1/secrets/{path}", ROOT)).code == code
