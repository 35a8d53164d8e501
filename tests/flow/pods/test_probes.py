from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from edgelet.api.pod_status import ContainerStatus
from edgelet.ports.object_store import Key
from tests.fakes import virtual_time
from tests.fakes.probe_net import Page
from tests.fakes.runtime import Command
from tests.fakes.world import World, pod_document, world

Story = Callable[[World], Awaitable[None]]
DEFAULTS = {"timeoutSeconds": 1, "periodSeconds": 10, "successThreshold": 1, "failureThreshold": 3}
IP = "10.77.0.2"


def play(story: Story, *images: str) -> None:
    async def whole() -> None:
        async with world(*(images or ("app:1", "app:2"))) as made:
            await story(made)

    virtual_time.run(whole())


def probe(**fields: Any) -> dict[str, Any]:
    handler = {} if {"exec", "httpGet", "tcpSocket", "grpc"} & fields.keys() else {"tcpSocket": {"port": 80}}
    return {**DEFAULTS, **handler, **fields}


def probed(name: str = "web", **container: Any) -> dict[str, Any]:
    spec = container.pop("spec", {})
    return pod_document(name, containers=[{"name": "app", "image": "app:1", **container}], **spec)


def app(w: World, name: str = "web") -> ContainerStatus:
    return w.pod(name).status.container_statuses[0]


def starts(w: World) -> list[str]:
    return [call.split()[1] for call in w.runtime.calls if call.startswith("start_container")]


class Commands:
    """Scripts what commands in containers do, and counts them."""

    def __init__(self, w: World, result: Command | None = None) -> None:
        self.result = result or Command()
        self.ran: list[tuple[float, str, tuple[str, ...]]] = []
        w.runtime.commands = self._run

    async def _run(self, container_id: str, argv: tuple[str, ...]) -> Command:
        self.ran.append((asyncio.get_running_loop().time(), container_id, argv))
        return self.result


def test_a_container_with_a_readiness_probe_is_ready_after_its_first_success() -> None:
    async def story(w: World) -> None:
        await w.apply(probed(readinessProbe=probe(periodSeconds=5)))
        await asyncio.sleep(3)
        assert (app(w).started, app(w).ready, w.condition("Ready")) == (True, False, "False")
        assert "Unhealthy app Readiness probe failed: dial tcp 10.77.0.2:80: connect: connection refused" in (
            w.events.lines
        )
        w.net.listen(IP, 80)
        await asyncio.sleep(5)
        assert (app(w).ready, w.condition("Ready"), w.condition("ContainersReady")) == (True, "True", "True")

    play(story)


def test_readiness_is_lost_after_failure_threshold_and_never_restarts() -> None:
    async def story(w: World) -> None:
        w.net.listen(IP, 80)
        await w.apply(probed(readinessProbe=probe(periodSeconds=5, failureThreshold=3)))
        await asyncio.sleep(2)
        assert app(w).ready
        w.net.close(IP, 80)
        await asyncio.sleep(10)
        assert app(w).ready, "two failures are not three"
        await asyncio.sleep(5)
        assert not app(w).ready
        await asyncio.sleep(3600)
        assert (app(w).restart_count, starts(w)) == (0, ["app#0"])
        w.net.listen(IP, 80)
        await asyncio.sleep(6)
        assert app(w).ready

    play(story)


def test_success_threshold_counts_successes_in_a_row() -> None:
    async def story(w: World) -> None:
        w.net.listen(IP, 80)
        await w.apply(probed(readinessProbe=probe(periodSeconds=5, successThreshold=3)))
        await asyncio.sleep(9.9)
        assert not app(w).ready
        await asyncio.sleep(1)
        assert app(w).ready

    play(story)


def test_the_first_question_waits_for_the_initial_delay() -> None:
    async def story(w: World) -> None:
        w.net.listen(IP, 80)
        await w.apply(probed(readinessProbe=probe(initialDelaySeconds=30)))
        await asyncio.sleep(29.9)
        assert (w.net.connected, app(w).ready) == ([], False)
        await asyncio.sleep(1)
        assert app(w).ready

    play(story)


def test_a_failing_liveness_probe_ends_and_restarts_the_container() -> None:
    async def story(w: World) -> None:
        commands = Commands(w, Command(exit_code=1, output="broken"))
        await w.apply(probed(livenessProbe=probe(exec={"command": ["check"]}, periodSeconds=5, failureThreshold=2)))
        await asyncio.sleep(5.5)
        assert starts(w) == ["app#0", "app#1"]
        assert app(w).restart_count == 1
        assert "Unhealthy app Liveness probe failed: broken" in w.events.lines
        assert "Killing app Container app failed liveness probe, will be restarted" in w.events.lines
        last = app(w).last_state.terminated
        assert last is not None
        assert last.exit_code == 143
        commands.result = Command()
        await asyncio.sleep(600)
        assert starts(w) == ["app#0", "app#1"], "one that is well stays"

    play(story)


def test_back_off_applies_to_what_probes_end() -> None:
    async def story(w: World) -> None:
        await w.apply(probed(livenessProbe=probe(periodSeconds=1, failureThreshold=1)))
        await asyncio.sleep(5)
        assert starts(w) == ["app#0", "app#1"]
        waiting = app(w).state.waiting
        assert waiting is not None
        assert waiting.reason == "CrashLoopBackOff"
        await asyncio.sleep(8)
        assert starts(w) == ["app#0", "app#1", "app#2"]

    play(story)


def test_a_probes_own_grace_period_wins_over_the_pods() -> None:
    async def story(w: World) -> None:
        own = probe(failureThreshold=1, terminationGracePeriodSeconds=3)
        await w.apply(probed(livenessProbe=own, spec={"terminationGracePeriodSeconds": 500}))
        await asyncio.sleep(1)
        assert {call.split()[2] for call in w.runtime.calls if call.startswith("stop_container")} == {"3"}

    play(story)


@pytest.mark.parametrize(
    ("policy", "phase", "restarts", "message"),
    [
        ("Never", "Failed", 0, "Container app failed liveness probe"),
        ("OnFailure", "Running", 1, "Container app failed liveness probe, will be restarted"),
    ],
)
def test_the_restart_policy_decides_what_follows_a_failed_probe(
    policy: str, phase: str, restarts: int, message: str
) -> None:
    async def story(w: World) -> None:
        commands = Commands(w, Command(exit_code=1))
        live = probe(exec={"command": ["check"]}, failureThreshold=1, initialDelaySeconds=2)
        await w.apply(probed(livenessProbe=live, spec={"restartPolicy": policy}))
        await asyncio.sleep(3)
        commands.result = Command()
        await asyncio.sleep(60)
        assert (w.pod().status.phase, app(w).restart_count) == (phase, restarts)
        assert f"Killing app {message}" in w.events.lines

    play(story)


def test_a_probe_that_cannot_run_changes_nothing_and_is_told() -> None:
    async def story(w: World) -> None:
        commands = Commands(w, Command(exit_code=127, not_started="exec: no such file"))
        missing = {"command": ["nothing"]}
        await w.apply(
            probed(
                livenessProbe=probe(exec=missing, failureThreshold=1),
                readinessProbe=probe(httpGet={"port": "nowhere", "path": "/", "scheme": "HTTP"}),
            )
        )
        await asyncio.sleep(101)
        assert (app(w).restart_count, app(w).ready) == (0, False)
        assert len(commands.ran) == 33, "eleven times, three tries each"
        lines = set(w.events.lines)
        errored = "probe errored and resulted in unknown state"
        assert f"Unhealthy app Liveness {errored}: failed to exec in container: exec: no such file" in lines
        assert f'Unhealthy app Readiness {errored}: strconv.Atoi: parsing "nowhere": invalid syntax' in lines

    play(story)


def test_a_defect_in_a_probe_is_logged_and_asked_again(caplog: pytest.LogCaptureFixture) -> None:
    async def story(w: World) -> None:
        async def broken(container_id: str, argv: tuple[str, ...]) -> Command:
            raise ValueError(f"{argv} in {container_id}")

        w.runtime.commands = broken
        await w.apply(probed(readinessProbe=probe(exec={"command": ["check"]})))
        await asyncio.sleep(5)
        assert "a defect in a probe" in caplog.text
        Commands(w)
        await asyncio.sleep(10)
        assert app(w).ready

    play(story)


def test_a_startup_probe_gates_the_others_and_started() -> None:
    async def story(w: World) -> None:
        commands = Commands(w, Command(exit_code=1))
        w.net.listen(IP, 80)
        await w.apply(
            probed(
                startupProbe=probe(exec={"command": ["up"]}, periodSeconds=1, failureThreshold=60),
                livenessProbe=probe(),
                readinessProbe=probe(periodSeconds=60),
            )
        )
        await asyncio.sleep(20)
        assert w.net.connected == []
        assert (app(w).started, app(w).ready) == (False, False)
        assert w.pod().status.phase == "Running"
        commands.result = Command()
        await asyncio.sleep(1.5)
        assert (app(w).started, app(w).ready) == (True, True), "readiness is asked at once, not a period later"
        asked = len(commands.ran)
        await asyncio.sleep(60)
        assert len(commands.ran) == asked, "a startup probe that succeeded asks no more"
        w.runtime.kill(w.pod().metadata.uid, "app")
        await asyncio.sleep(20)
        assert len(commands.ran) == asked + 1, "it asks a new instance"

    play(story)


def test_a_startup_probe_that_fails_restarts_the_container() -> None:
    async def story(w: World) -> None:
        own = probe(periodSeconds=1, failureThreshold=3, terminationGracePeriodSeconds=7)
        await w.apply(probed(startupProbe=own))
        await asyncio.sleep(3)
        assert starts(w) == ["app#0", "app#1"]
        assert "Killing app Container app failed startup probe, will be restarted" in w.events.lines
        assert [call.split()[2] for call in w.runtime.calls if call.startswith("stop_container")] == ["7"]

    play(story)


def test_liveness_and_startup_end_with_a_deletion_and_readiness_goes_on() -> None:
    async def story(w: World) -> None:
        commands = Commands(w)
        stubborn = {"name": "app", "image": "stubborn:1"}
        w.net.listen(IP, 80)
        live = probe(exec={"command": ["check"]}, periodSeconds=1, failureThreshold=1)
        ready = probe(periodSeconds=1, failureThreshold=1)
        await w.apply(pod_document(containers=[{**stubborn, "livenessProbe": live, "readinessProbe": ready}]))
        await asyncio.sleep(3)
        assert app(w).ready
        await w.delete("web", grace_s=30)
        await asyncio.sleep(1.5)
        asked = len(commands.ran)
        commands.result = Command(exit_code=1)
        w.net.close(IP, 80)
        await asyncio.sleep(5)
        assert len(commands.ran) == asked
        assert (app(w).ready, w.condition("Ready")) == (False, "False")
        await asyncio.sleep(30)
        assert w.gone()

    async def whole() -> None:
        from tests.fakes.runtime import Program  # noqa: PLC0415

        async with world("app:1") as w:
            w.have("stubborn:1", Program(ignores_term=True))
            await story(w)

    virtual_time.run(whole())


def test_a_container_that_ended_is_not_ready_at_once_and_its_next_instance_is_probed_anew() -> None:
    async def story(w: World) -> None:
        w.net.listen(IP, 80)
        uid = await w.apply(probed(readinessProbe=probe()))
        await asyncio.sleep(1)
        assert app(w).ready
        for _ in range(2):
            w.runtime.kill(uid, "app")
            w.net.close(IP, 80)
            await asyncio.sleep(0.5)
        assert not app(w).ready
        await asyncio.sleep(15)
        assert app(w).state.running is not None
        assert not app(w).ready
        w.net.listen(IP, 80)
        await asyncio.sleep(11)
        assert app(w).ready

    play(story)


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


def test_a_sidecars_startup_probe_gates_the_app_and_its_liveness_restarts_it_alone() -> None:
    async def story(w: World) -> None:
        commands = Commands(w, Command(exit_code=1))
        sidecar = {
            "name": "side",
            "image": "app:1",
            "restartPolicy": "Always",
            "startupProbe": probe(exec={"command": ["up"]}, periodSeconds=1, failureThreshold=60),
            "livenessProbe": probe(periodSeconds=1, failureThreshold=1, initialDelaySeconds=3),
        }
        w.net.listen(IP, 80)
        await w.apply(pod_document(initContainers=[sidecar], restartPolicy="Never"))
        await asyncio.sleep(10)
        assert w.runtime.running() == ["web/side"]
        assert (w.pod().status.phase, w.condition("Initialized")) == ("Pending", "False")
        commands.result = Command()
        await asyncio.sleep(1.5)
        assert w.runtime.running() == ["web/app", "web/side"]
        assert (w.pod().status.phase, w.condition("Ready")) == ("Running", "True")
        w.net.close(IP, 80)
        await asyncio.sleep(1)
        w.net.listen(IP, 80)
        await asyncio.sleep(20)
        assert starts(w) == ["side#0", "app#0", "side#1"]
        assert "Killing side Init container side failed liveness probe" in w.events.lines
        assert w.pod().status.init_container_statuses[0].ready

    play(story)


def test_an_agent_restart_changes_neither_ready_nor_started() -> None:
    async def story(w: World) -> None:
        commands = Commands(w)
        w.net.listen(IP, 80)
        await w.apply(probed(startupProbe=probe(exec={"command": ["up"]}), readinessProbe=probe(failureThreshold=2)))
        await asyncio.sleep(3)
        assert w.condition("Ready") == "True"
        since = [one.last_transition_time for one in w.pod().status.conditions]
        await w.stop_agent()
        await asyncio.sleep(5)
        ran = len(commands.ran)
        w.start_agent()
        await asyncio.sleep(0.1)
        assert (app(w).started, app(w).ready) == (True, True)
        await asyncio.sleep(60)
        assert [one.last_transition_time for one in w.pod().status.conditions] == since
        assert len(commands.ran) == ran, "what started is not asked again"
        w.net.close(IP, 80)
        await asyncio.sleep(21)
        assert not app(w).ready

    play(story)


def test_after_an_agent_restart_probes_wait_a_part_of_their_period() -> None:
    async def story(w: World) -> None:
        w.net.listen(IP, 80)
        await w.apply(probed(livenessProbe=probe(periodSeconds=10)))
        await asyncio.sleep(15)
        await w.stop_agent()
        w.start_agent()
        before = len(w.net.connected)
        await asyncio.sleep(4.9)
        assert len(w.net.connected) == before
        await asyncio.sleep(0.2)
        assert len(w.net.connected) == before + 1

    play(story)


def test_probes_write_nothing_to_flash_and_ask_nothing_of_the_engine() -> None:
    async def story(w: World) -> None:
        w.net.listen(IP, 80)
        await w.apply(probed(livenessProbe=probe(), readinessProbe=probe()))
        await asyncio.sleep(60)
        writes = w.store.writes
        assert await w.calls_during(3600) == []
        assert w.store.writes == writes

    play(story)


def test_becoming_ready_is_on_flash_soon() -> None:
    async def story(w: World) -> None:
        await w.apply(probed(readinessProbe=probe(periodSeconds=10)))
        await asyncio.sleep(15)
        writes = w.store.writes
        w.net.listen(IP, 80)
        await asyncio.sleep(10)
        assert w.store.writes == writes + 1

    play(story)


def test_readiness_as_it_is_at_the_end_of_the_agent_is_on_flash() -> None:
    async def story(w: World) -> None:
        w.net.listen(IP, 80)
        await w.apply(probed(readinessProbe=probe(failureThreshold=1)))
        await asyncio.sleep(35)
        w.net.close(IP, 80)
        await asyncio.sleep(10)
        w.net.listen(IP, 80)
        await asyncio.sleep(10)
        assert app(w).ready
        writes = w.store.writes
        await w.stop_agent()
        assert w.store.writes == writes + 1
        w.start_agent()
        await asyncio.sleep(5)
        await w.stop_agent()
        assert w.store.writes <= writes + 2

    play(story)


def test_readiness_that_flaps_is_seldom_written_to_flash() -> None:
    async def story(w: World) -> None:
        await w.apply(probed(readinessProbe=probe(periodSeconds=1, failureThreshold=1)))
        await asyncio.sleep(10)
        durable = w.store.writes
        for _ in range(100):
            w.net.listen(IP, 80)
            await asyncio.sleep(10)
            assert app(w).ready
            w.net.close(IP, 80)
            await asyncio.sleep(10)
            assert not app(w).ready
        assert w.store.writes - durable <= 2

    play(story)


def test_a_pod_that_goes_takes_its_probes_along() -> None:
    async def story(w: World) -> None:
        await w.apply(probed(livenessProbe=probe(), readinessProbe=probe()))
        await asyncio.sleep(3)
        await w.delete("web")
        await asyncio.sleep(60)
        assert w.gone()
        assert not [one for one in asyncio.all_tasks() if one.get_name().startswith(("probe/", "hook/"))]

    play(story)


def test_probes_outlive_a_change_of_labels() -> None:
    async def story(w: World) -> None:
        w.net.listen(IP, 80)
        document = probed(readinessProbe=probe())
        await w.apply(document)
        await asyncio.sleep(3)
        stored = w.store.get(Key("Pod", "default", "web"))
        assert stored is not None
        await w.apply({**document, "metadata": {**document["metadata"], "labels": {"a": "b"}}})
        await asyncio.sleep(1)
        assert app(w).ready
        assert len(w.net.connected) == 1, "its period goes on as before"

    play(story)
