from __future__ import annotations

import pytest

from edgelet.api.errors import ProbeError
from edgelet.ports.probe_net import BODY_LIMIT_BYTES, HealthReply, HttpGet
from tests.contract.probe_net.servers import Servers
from tests.fakes.probe_net import Page

PATIENCE_S = 10.0
SOON_S = 0.2


async def test_a_get_brings_status_and_body(servers: Servers) -> None:
    host, port = await servers.http(Page(status=503, body=b"sorry"))
    reply = await servers.net.get(HttpGet(host=host, port=port), timeout_s=PATIENCE_S)
    assert (reply.status, reply.body) == (503, b"sorry")


async def test_what_is_asked_arrives(servers: Servers) -> None:
    asked: list[HttpGet] = []

    def page(request: HttpGet) -> Page:
        asked.append(request)
        return Page()

    host, port = await servers.http(page)
    request = HttpGet(
        host=host, port=port, path="/up?full=1", headers=(("x-probe", "yes"), ("x-probe", "twice")), host_header="web"
    )
    await servers.net.get(request, timeout_s=PATIENCE_S)
    assert asked == [request]


async def test_of_a_long_body_the_beginning_is_read(servers: Servers) -> None:
    host, port = await servers.http(Page(body=b"x" * 1_000_000))
    reply = await servers.net.get(HttpGet(host=host, port=port), timeout_s=PATIENCE_S)
    assert reply.body == b"x" * BODY_LIMIT_BYTES


async def test_https_is_asked_without_verification(servers: Servers) -> None:
    host, port = await servers.http(Page(body=b"x" * 5000), tls=True)
    reply = await servers.net.get(HttpGet(host=host, port=port, scheme="https"), timeout_s=PATIENCE_S)
    assert (reply.status, len(reply.body)) == (200, 5000)


async def test_http_where_https_was_asked_is_told_apart(servers: Servers) -> None:
    host, port = await servers.http(Page())
    with pytest.raises(ProbeError, match="server gave HTTP response to HTTPS client") as caught:
        await servers.net.get(HttpGet(host=host, port=port, scheme="https"), timeout_s=PATIENCE_S)
    assert caught.value.plain_http


async def test_a_redirect_on_the_same_host_is_followed(servers: Servers) -> None:
    pages = {"/": Page(status=302, location="/next"), "/next": Page(status=404)}
    host, port = await servers.http(lambda request: pages[request.path])
    reply = await servers.net.get(HttpGet(host=host, port=port), timeout_s=PATIENCE_S)
    assert reply.status == 404


async def test_a_redirect_to_another_port_of_the_same_host_is_followed(servers: Servers) -> None:
    host, other = await servers.http(Page(status=201))
    _, port = await servers.http(Page(status=301, location=f"http://{host}:{other}/x"))
    assert (await servers.net.get(HttpGet(host=host, port=port), timeout_s=PATIENCE_S)).status == 201


async def test_a_redirect_elsewhere_is_the_answer(servers: Servers) -> None:
    host, port = await servers.http(Page(status=302, body=b"there", location="http://elsewhere.invalid/"))
    reply = await servers.net.get(HttpGet(host=host, port=port), timeout_s=PATIENCE_S)
    assert (reply.status, reply.body) == (302, b"there")


async def test_a_redirect_without_a_target_is_the_answer(servers: Servers) -> None:
    host, port = await servers.http(Page(status=304))
    assert (await servers.net.get(HttpGet(host=host, port=port), timeout_s=PATIENCE_S)).status == 304


async def test_redirects_without_end_are_an_error(servers: Servers) -> None:
    host, port = await servers.http(Page(status=302, location="/again"))
    with pytest.raises(ProbeError, match="stopped after 10 redirects"):
        await servers.net.get(HttpGet(host=host, port=port), timeout_s=PATIENCE_S)


async def test_nobody_there_is_told_in_gos_words(servers: Servers) -> None:
    host, port = await servers.nobody()
    refused = f"dial tcp {host}:{port}: connect: connection refused"
    with pytest.raises(ProbeError) as caught:
        await servers.net.get(HttpGet(host=host, port=port), timeout_s=PATIENCE_S)
    assert caught.value.message == f'Get "http://{host}:{port}/": {refused}'
    with pytest.raises(ProbeError) as caught:
        await servers.net.connect(host, port, timeout_s=PATIENCE_S)
    assert caught.value.message == refused
    with pytest.raises(ProbeError) as caught:
        await servers.net.check_health(host, port, "", user_agent="test", timeout_s=PATIENCE_S)
    assert caught.value.message == refused


async def test_no_answer_in_time_is_an_error(servers: Servers) -> None:
    host, port = await servers.silent()
    with pytest.raises(ProbeError, match=r"Client\.Timeout exceeded while awaiting headers"):
        await servers.net.get(HttpGet(host=host, port=port), timeout_s=SOON_S)
    with pytest.raises(ProbeError, match="health rpc did not complete within"):
        await servers.net.check_health(host, port, "", user_agent="test", timeout_s=SOON_S)


async def test_a_slow_answer_is_waited_for(servers: Servers) -> None:
    host, port = await servers.http(Page(delay_s=0.2))
    assert (await servers.net.get(HttpGet(host=host, port=port), timeout_s=PATIENCE_S)).status == 200


async def test_a_connection_is_enough_for_tcp(servers: Servers) -> None:
    host, port = await servers.silent()
    await servers.net.connect(host, port, timeout_s=PATIENCE_S)


async def test_health_is_asked_by_service(servers: Servers) -> None:
    host, port = await servers.health({"": "SERVING", "db": "NOT_SERVING", "x" * 200: "SERVING", "new": "UNKNOWN"})

    async def ask(service: str) -> HealthReply:
        return await servers.net.check_health(host, port, service, user_agent="test", timeout_s=PATIENCE_S)

    assert await ask("") == HealthReply(0, serving="SERVING")
    assert await ask("db") == HealthReply(0, serving="NOT_SERVING")
    assert await ask("x" * 200) == HealthReply(0, serving="SERVING")
    assert await ask("new") == HealthReply(0, serving="UNKNOWN")
    assert await ask("else") == HealthReply(5, "unknown service")
