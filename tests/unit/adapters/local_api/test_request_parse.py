from __future__ import annotations

import h11
import pytest

from edgelet.adapters.local_api import request_parse
from edgelet.adapters.local_api.request_parse import BadRequestError
from edgelet.ports.local_api import Peer, Request

PEER = Peer(pid=1, uid=0, gid=0)


def head(method: str = "GET", target: str = "/", **headers: str) -> h11.Request:
    pairs = [("host", "x"), *((name.replace("_", "-"), value) for name, value in headers.items())]
    return h11.Request(method=method, target=target, headers=pairs)


def parsed(target: str, method: str = "GET") -> Request:
    return request_parse.request(head(method, target), body=b"", peer=PEER)


@pytest.mark.parametrize(
    ("target", "segments"),
    [
        ("/", ()),
        ("/api/v1/pods", ("api", "v1", "pods")),
        ("/api/v1/pods/", ("api", "v1", "pods")),
        ("/a//b", ("a", "", "b")),
        ("/a%2Fb/%2e%2e", ("a/b", "..")),
        ("http://localhost/api?x=1", ("api",)),
        ("http://localhost", ()),
    ],
)
def test_the_path_is_split_before_it_is_decoded(target: str, segments: tuple[str, ...]) -> None:
    assert parsed(target).segments == segments


def test_a_query_keeps_repeated_and_empty_values() -> None:
    found = parsed("/x?command=sh&command=-c&command=a+b%26&watch=&tty=1").query
    assert found == {"command": ("sh", "-c", "a b&"), "watch": ("",), "tty": ("1",)}


def test_head_is_get_for_the_handler() -> None:
    assert parsed("/x", "HEAD").method == "GET"


@pytest.mark.parametrize("target", ["*", "/%ff", "/?a=%ff", "/" + "a/" * 40, "/?" + "a=b&" * 300])
def test_a_target_that_makes_no_sense_is_refused(target: str) -> None:
    with pytest.raises(BadRequestError) as error:
        parsed(target)
    assert error.value.response.code in (400, 404)


@pytest.mark.parametrize(
    ("request_head", "code"),
    [
        (head(), None),
        (head("POST", content_length="10"), None),
        (head("POST", content_length="11"), 413),
        (head("POST", content_length="9" * 19), 413),
        (head("DELETE", content_length="11"), 413),
        (head("POST", transfer_encoding="chunked"), None),
        (head("POST"), 411),
        (head("POST", upgrade="SPDY/3.1"), None),
        (head("DELETE"), None),
        (head("PUT", content_length="1", expect="100-Continue"), None),
        (head("PUT", content_length="1", expect="tea"), 417),
        (head("CONNECT"), 405),
    ],
)
def test_a_body_is_judged_before_it_is_read(request_head: h11.Request, code: int | None) -> None:
    refused = request_parse.body_plan(request_head, limit_bytes=10).refused
    assert (refused.code if refused else None) == code
