"""What every Runtime promises."""

from __future__ import annotations

import asyncio
import time
from dataclasses import replace

import pytest

from edgelet.api.errors import EngineError
from edgelet.ports.runtime import Exited, PortMapping, Resources, Running
from tests.contract.runtime.world import World, new_pod, pod_names, sandbox_of
from tests.fakes.runtime import Program

FOREVER = Program()


async def test_a_sandbox_is_ready_with_an_address_and_asking_twice_makes_one(world: World) -> None:
    pod = new_pod()
    await world.runtime.create_sandbox(sandbox_of(pod))
    first = await world.runtime.pod(pod.uid)
    await world.runtime.create_sandbox(sandbox_of(pod))
    second = await world.runtime.pod(pod.uid)
    assert first is not None
    assert first == second
    assert first.pod == pod
    assert first.sandbox is not None
    assert first.sandbox.ready
    assert len(first.sandbox.ips) == 1
    assert first.sandbox.attempt == 0
    assert first.containers == ()


async def test_a_container_runs_and_asking_twice_makes_one(world: World) -> None:
    pod = new_pod()
    await world.runtime.create_sandbox(sandbox_of(pod))
    image_ref = f"registry.example/web@sha256:{'1' * 64}"
    spec = replace(world.container(pod, FOREVER), labels={"further": "label"}, image_ref=image_ref)
    await world.runtime.start_container(spec)
    await world.runtime.start_container(spec)
    seen = await world.runtime.pod(pod.uid)
    assert seen is not None
    assert len(seen.containers) == 1
    container = seen.containers[0]
    assert isinstance(container.state, Running)
    assert (container.name, container.instance, container.spec_hash) == ("main", 0, "hash-1")
    assert container.log_path == spec.log_path
    assert container.labels == {"further": "label"}
    assert container.image_id == image_ref


async def test_a_container_without_a_sandbox_cannot_be_created(world: World) -> None:
    pod = new_pod()
    with pytest.raises(EngineError) as refused:
        await world.runtime.start_container(world.container(pod, FOREVER))
    assert refused.value.reason == "CreateContainerError"


async def test_between_creating_and_starting_a_caller_may_have_it_wait(world: World) -> None:
    pod = new_pod()
    await world.runtime.create_sandbox(sandbox_of(pod))
    created, go = asyncio.Event(), asyncio.Event()

    async def wait() -> None:
        created.set()
        await go.wait()

    later = asyncio.create_task(
        world.runtime.start_container(world.container(pod, FOREVER, name="b"), before_start=wait)
    )
    async with asyncio.timeout(30):
        await created.wait()
    await world.runtime.start_container(world.container(pod, FOREVER, name="a"))
    seen = await world.runtime.pod(pod.uid)
    assert seen is not None
    assert [one.name for one in seen.containers if isinstance(one.state, Running)] == ["a"]
    go.set()
    await later
    seen = await world.runtime.pod(pod.uid)
    assert seen is not None
    assert sorted(one.name for one in seen.containers if isinstance(one.state, Running)) == ["a", "b"]


async def test_one_that_was_created_and_never_started_is_started_by_the_next_call(world: World) -> None:
    pod = new_pod()
    await world.runtime.create_sandbox(sandbox_of(pod))
    created = asyncio.Event()

    async def wait() -> None:
        created.set()
        await asyncio.Event().wait()

    spec = world.container(pod, FOREVER)
    broken_off = asyncio.create_task(world.runtime.start_container(spec, before_start=wait))
    async with asyncio.timeout(30):
        await created.wait()
    broken_off.cancel()
    await asyncio.gather(broken_off, return_exceptions=True)
    await world.runtime.start_container(spec)
    assert isinstance((await world.observed(pod)).state, Running)
    await world.runtime.remove_pod(pod.uid)
    assert await world.runtime.pod(pod.uid) is None


@pytest.mark.parametrize("code", [0, 3])
async def test_an_end_is_noticed_and_seen_with_its_code(world: World, code: int) -> None:
    pod = new_pod()
    await world.runtime.create_sandbox(sandbox_of(pod))
    await world.runtime.start_container(world.container(pod, Program(after_s=0.1, exit_code=code)))
    await world.notices.of(pod, "main")
    state = (await world.observed(pod)).state
    assert isinstance(state, Exited)
    assert (state.exit_code, state.lost, state.oom_killed) == (code, False, False)
    assert state.started_at is not None
    assert state.finished_at is not None
    assert state.started_at <= state.finished_at


async def test_an_instance_that_ran_is_not_started_again(world: World) -> None:
    pod = new_pod()
    await world.runtime.create_sandbox(sandbox_of(pod))
    spec = world.container(pod, Program(after_s=0.05))
    await world.runtime.start_container(spec)
    await world.notices.of(pod, "main")
    ended = await world.observed(pod)
    await world.runtime.start_container(spec)
    assert await world.observed(pod) == ended


async def test_a_program_that_is_not_there_is_a_failed_start_and_an_exit(world: World) -> None:
    pod = new_pod()
    await world.runtime.create_sandbox(sandbox_of(pod))
    with pytest.raises(EngineError) as failed:
        await world.runtime.start_container(world.container(pod, Program(start_error="no such file: /no-such-program")))
    assert failed.value.reason == "RunContainerError"
    assert "/no-such-program" in failed.value.message
    state = (await world.observed(pod)).state
    assert isinstance(state, Exited)
    assert state.exit_code == 128
    assert "/no-such-program" in state.message


async def test_stop_ends_a_container_that_listens_with_its_own_code(world: World) -> None:
    pod = new_pod()
    await world.runtime.create_sandbox(sandbox_of(pod))
    await world.runtime.start_container(world.container(pod, FOREVER))
    await world.runtime.stop_container((await world.listening(pod)).id, grace_s=20)
    state = (await world.observed(pod)).state
    assert isinstance(state, Exited)
    assert state.exit_code == 143


async def test_stop_kills_a_deaf_container_after_its_grace(world: World) -> None:
    pod = new_pod()
    await world.runtime.create_sandbox(sandbox_of(pod))
    await world.runtime.start_container(world.container(pod, Program(ignores_term=True)))
    container = await world.listening(pod)
    start_s = time.monotonic()
    await world.runtime.stop_container(container.id, grace_s=0.5)
    assert 0.5 <= time.monotonic() - start_s < 5
    state = (await world.observed(pod)).state
    assert isinstance(state, Exited)
    assert (state.exit_code, state.lost) == (137, False)


async def test_a_signal_reaches_the_main_process_and_is_no_error_after_the_end(world: World) -> None:
    pod = new_pod()
    await world.runtime.create_sandbox(sandbox_of(pod))
    await world.runtime.start_container(world.container(pod, FOREVER))
    container = await world.listening(pod)
    await world.runtime.signal_container(container.id, "")
    await world.notices.of(pod, "main")
    state = (await world.observed(pod)).state
    assert isinstance(state, Exited)
    assert state.exit_code == 143
    await world.runtime.signal_container(container.id, "SIGKILL")
    await world.runtime.signal_container("0" * 64, "SIGKILL")
    await world.runtime.stop_container("0" * 64, grace_s=1)


async def test_instances_stand_side_by_side_sorted(world: World) -> None:
    pod = new_pod()
    await world.runtime.create_sandbox(sandbox_of(pod))
    for name, instance in (("b", 0), ("a", 1), ("a", 0)):
        await world.runtime.start_container(world.container(pod, Program(after_s=0.01), name=name, instance=instance))
    seen = await world.runtime.pod(pod.uid)
    assert seen is not None
    assert [(one.name, one.instance) for one in seen.containers] == [("a", 0), ("a", 1), ("b", 0)]


async def test_a_removed_container_is_gone_and_the_rest_stays(world: World) -> None:
    pod = new_pod()
    await world.runtime.create_sandbox(sandbox_of(pod))
    await world.runtime.start_container(world.container(pod, FOREVER, name="one"))
    await world.runtime.start_container(world.container(pod, FOREVER, name="two"))
    container_id = (await world.observed(pod, "one")).id
    await world.runtime.remove_container(container_id)
    await world.runtime.remove_container(container_id)
    seen = await world.runtime.pod(pod.uid)
    assert seen is not None
    assert [one.name for one in seen.containers] == ["two"]
    assert isinstance(seen.containers[0].state, Running)
    assert seen.sandbox is not None
    assert seen.sandbox.ready


async def test_a_removed_pod_is_gone_and_the_others_stay(world: World) -> None:
    pods = [new_pod(name) for name in ("one", "two")]
    for pod in pods:
        await world.runtime.create_sandbox(sandbox_of(pod))
        await world.runtime.start_container(world.container(pod, FOREVER))
    assert sorted(pod_names(await world.runtime.pods())) == ["one", "two"]
    await world.runtime.remove_pod(pods[0].uid)
    await world.runtime.remove_pod(pods[0].uid)
    assert await world.runtime.pod(pods[0].uid) is None
    assert pod_names(await world.runtime.pods()) == ["two"]


async def test_a_host_port_that_is_taken_names_itself_and_leaves_nothing(world: World) -> None:
    first, second = new_pod("one"), new_pod("two")
    ports = (PortMapping(container_port=80, host_port=38473),)
    await world.runtime.create_sandbox(replace(sandbox_of(first), ports=ports))
    with pytest.raises(EngineError) as refused:
        await world.runtime.create_sandbox(replace(sandbox_of(second), ports=ports))
    assert refused.value.reason == "FailedCreatePodSandBox"
    assert "38473" in refused.value.message
    assert await world.runtime.pod(second.uid) is None
    await world.runtime.remove_pod(first.uid)
    await world.runtime.create_sandbox(replace(sandbox_of(second), ports=ports))


async def test_usage_is_of_the_running_containers(world: World) -> None:
    pod = new_pod()
    assert await world.runtime.usage(pod.uid) == ()
    await world.runtime.create_sandbox(sandbox_of(pod))
    await world.runtime.start_container(world.container(pod, FOREVER, name="runs"))
    await world.runtime.start_container(world.container(pod, Program(after_s=0.01), name="ends"))
    await world.notices.of(pod, "ends")
    usage = await world.runtime.usage(pod.uid)
    assert [one.container for one in usage] == ["runs"]
    assert usage[0].cpu_usage_ns > 0
    assert usage[0].working_set_bytes > 0
    assert usage[0].pids >= 1


async def test_a_command_runs_only_in_a_running_container(world: World) -> None:
    pod = new_pod()
    await world.runtime.create_sandbox(sandbox_of(pod))
    await world.runtime.start_container(world.container(pod, FOREVER))
    container_id = (await world.observed(pod)).id
    result = await world.runtime.exec(container_id, ("echo", "hello"), timeout_s=20)
    assert result.exit_code == 0
    assert b"hello" in result.output
    await world.runtime.stop_container(container_id, grace_s=0)
    with pytest.raises(EngineError) as refused:
        await world.runtime.exec(container_id, ("echo", "hello"), timeout_s=20)
    assert refused.value.reason == "BadRequest"
    with pytest.raises(EngineError):
        await world.runtime.open_exec(container_id, ("echo", "hello"), stdin=False, tty=False)


async def test_pods_are_made_side_by_side(world: World) -> None:
    pods = [new_pod(f"p{number}") for number in range(3)]

    async def make(index: int) -> None:
        await world.runtime.create_sandbox(sandbox_of(pods[index]))
        await world.runtime.start_container(world.container(pods[index], FOREVER))

    async with asyncio.TaskGroup() as group:
        for index in range(3):
            group.create_task(make(index), name=f"make-{index}")
    seen = await world.runtime.pods()
    assert sorted(pod_names(seen)) == ["p0", "p1", "p2"]
    assert all(isinstance(pod.containers[0].state, Running) for pod in seen)


async def test_a_running_container_gets_other_limits_and_goes_on(world: World) -> None:
    pod = new_pod()
    await world.runtime.create_sandbox(sandbox_of(pod))
    await world.runtime.start_container(world.container(pod, Program()))
    before = await world.observed(pod)
    await world.runtime.resize_container(before.id, Resources(cpu_shares=512, cpu_quota_us=20_000), pod_cpu_shares=512)
    assert await world.observed(pod) == before


async def test_what_does_not_run_cannot_be_resized(world: World) -> None:
    pod = new_pod()
    await world.runtime.create_sandbox(sandbox_of(pod))
    await world.runtime.start_container(world.container(pod, Program(after_s=0.0, exit_code=0)))
    await world.notices.of(pod, "main")
    ended = await world.observed(pod)
    for each in (ended.id, "0" * 64):
        with pytest.raises(EngineError) as caught:
            await world.runtime.resize_container(each, Resources(cpu_shares=512), pod_cpu_shares=512)
        assert caught.value.reason == "ResizeError"
