from __future__ import annotations

import asyncio

from tests.fakes.probe_net import Page
from tests.fakes.runtime import Command
from tests.fakes.world import World
from tests.flow.pods.probe_stories import IP, Commands, app, play, probe, probed


def test_http_is_asked_with_the_kubelets_headers_at_a_named_port() -> None:
    async def story(w: World) -> None:
        w.net.serve(IP, 8080, Page(status=503))
        action = {
            "port": "web",
            "path": "/healthz?full=1",
            "scheme": "HTTP",
            "httpHeaders": [
                {"name": "Host", "value": "example.org"},
                {"name": "X-Probe", "value": "yes"},
                {"name": "accept", "value": ""},
            ],
        }
        await w.apply(probed(ports=[{"name": "web", "containerPort": 8080}], readinessProbe=probe(httpGet=action)))
        await asyncio.sleep(1)
        asked = w.net.asked[0]
        assert (asked.host, asked.port, asked.path) == (IP, 8080, "/healthz?full=1")
        assert asked.host_header == "example.org"
        assert asked.headers == (("User-Agent", "kube-probe/1.35"), ("X-Probe", "yes"))
        assert "Unhealthy app Readiness probe failed: HTTP probe failed with statuscode: 503" in w.events.lines

    play(story)


def test_a_redirect_elsewhere_is_a_success_with_a_warning() -> None:
    async def story(w: World) -> None:
        w.net.serve(IP, 80, Page(status=302, body=b"gone", location="http://elsewhere.example/"))
        await w.apply(probed(readinessProbe=probe(httpGet={"port": 80, "path": "/", "scheme": "HTTP"})))
        await asyncio.sleep(1)
        assert app(w).ready
        warning = "ProbeWarning app Readiness probe warning: Probe terminated redirects, Response body: gone"
        assert warning in w.events.lines

    play(story)


def test_grpc_health_decides_readiness() -> None:
    async def story(w: World) -> None:
        w.net.health(IP, 5000, {"": "NOT_SERVING"})
        await w.apply(probed(readinessProbe=probe(grpc={"port": 5000, "service": ""}, periodSeconds=1)))
        await asyncio.sleep(1)
        assert not app(w).ready
        words = 'Unhealthy app Readiness probe failed: service unhealthy (responded with "NOT_SERVING")'
        assert words in w.events.lines
        w.net.health(IP, 5000, {"": "SERVING"})
        await asyncio.sleep(1)
        assert app(w).ready

    play(story)


def test_a_command_that_overruns_is_a_failure() -> None:
    async def story(w: World) -> None:
        Commands(w, Command(takes_s=10))
        await w.apply(probed(readinessProbe=probe(exec={"command": ["sleep", "10"]}, timeoutSeconds=2)))
        await asyncio.sleep(3)
        words = 'Unhealthy app Readiness probe failed: command timed out: "sleep 10" timed out after 2s'
        assert words in w.events.lines

    play(story)


def test_commands_have_static_references_replaced() -> None:
    async def story(w: World) -> None:
        commands = Commands(w)
        env = [
            {"name": "FILE", "value": "/tmp/up"},
            {"name": "IP", "valueFrom": {"fieldRef": {"fieldPath": "status.podIP"}}},
        ]
        await w.apply(probed(env=env, readinessProbe=probe(exec={"command": ["test", "-f", "$(FILE)", "$(IP)"]})))
        await asyncio.sleep(1)
        assert commands.ran[0][2] == ("test", "-f", "/tmp/up", "$(IP)")

    play(story)


def test_a_pod_on_the_nodes_network_is_asked_at_the_nodes_address() -> None:
    async def story(w: World) -> None:
        w.net.listen("192.0.2.7", 80)
        await w.apply(probed(readinessProbe=probe(), spec={"hostNetwork": True}))
        await asyncio.sleep(1)
        assert app(w).ready

    play(story)
