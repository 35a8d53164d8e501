"""The node's certificate over the socket."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace

import pytest

from edgelet.api.errors import EdgeletError
from edgelet.ports.local_api import Peer, Request, Response
from edgelet.remote.api import LocalApi
from tests.flow.local_api.board import Board

PATH = "edgelet/v1/certificate"


@dataclass
class Kept:
    """A certificate whose number rises."""

    number: int = 1
    managed: bool = True

    def describe(self) -> dict[str, object]:
        return {"serial": str(self.number), "trouble": ""}

    def renew_soon(self) -> None:
        if not self.managed:
            raise EdgeletError("MethodNotAllowed", "cannot renew the certificate: [identity] renew is off")
        self.number += 1


async def asked(board: Board, method: str, path: str, kept: Kept | None) -> tuple[int, dict[str, object]]:
    request = Request(method, tuple(path.split("/")), {}, {}, b"", Peer(1, 0, 0))
    found = await LocalApi(replace(board.parts(), certificate=lambda: kept))(request)
    assert isinstance(found, Response)
    return found.code, json.loads(found.body)


async def test_it_is_shown_and_renewed(board: Board) -> None:
    kept = Kept()
    assert await asked(board, "GET", PATH, kept) == (200, {"serial": "1", "trouble": ""})
    assert await asked(board, "POST", f"{PATH}/renew", kept) == (200, {"serial": "2", "trouble": ""})


@pytest.mark.parametrize(
    ("asks", "code", "words"),
    [
        (("GET", PATH, None), 404, "edgelet join"),
        (("POST", f"{PATH}/renew", Kept(managed=False)), 405, "renew is off"),
        (("GET", f"{PATH}/renew", Kept()), 405, "GET"),
        (("POST", PATH, Kept()), 405, "POST"),
        (("POST", f"{PATH}/burn", Kept()), 404, "could not find"),
    ],
)
async def test_what_cannot_be_is_refused(
    board: Board, asks: tuple[str, str, Kept | None], code: int, words: str
) -> None:
    found, status = await asked(board, *asks)
    assert (found, words in str(status["message"])) == (code, True), status
