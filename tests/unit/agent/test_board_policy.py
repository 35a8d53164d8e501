from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from edgelet.agent.board_policy import BoardPolicy
from edgelet.api.errors import ForbiddenError
from edgelet.config.admission import AdmissionSettings
from edgelet.config.podman import PodmanSettings
from edgelet.config.settings import Settings
from edgelet.intake.admission import judge
from edgelet.ports.object_store import Key
from edgelet.ports.pod_files import HostBound
from tests import builders
from tests.fakes.events import FakeEvents
from tests.fakes.object_store import FakeObjectStore

NODE = Key("Node", "", "board")


@pytest.fixture
def file(tmp_path: Path) -> Path:
    made = tmp_path / "policy.toml"
    write(made, "")
    return made


def write(file: Path, text: str) -> None:
    file.write_text(text)
    file.chmod(0o600)


def made(file: Path | None, **more: Any) -> BoardPolicy:
    return BoardPolicy(Settings(admission=AdmissionSettings(policy=file, **more)))


def refuses(policy: BoardPolicy, **spec: Any) -> str:
    try:
        judge.check(builders.complete_pod_document(**spec), policy.in_force.ruling, source="mqtt")
    except ForbiddenError as error:
        return error.message
    return ""


def test_the_default_is_the_baseline(file: Path) -> None:
    policy = made(file)
    assert not policy.fault
    assert not refuses(policy)
    assert "hostNetwork" in refuses(policy, hostNetwork=True)
    assert not refuses(made(file, profile="privileged"), hostNetwork=True)


def test_the_files_profile_goes_before_that_of_the_settings(file: Path) -> None:
    write(file, 'profile = "restricted"')
    assert "runAsNonRoot" in refuses(made(file, profile="privileged"))


@pytest.mark.parametrize("text", ["x = [", 'profile = "none"'])
def test_a_file_that_cannot_be_used_at_start_lets_nothing_in_until_it_is_put_right(file: Path, text: str) -> None:
    write(file, text)
    policy = made(file, profile="privileged")
    assert f"cannot use the policy {file}: " in policy.fault
    assert "No new pod is let in" in refuses(policy)

    policy.reload()
    assert refuses(policy)

    write(file, "max_pods = 3")
    policy.reload()
    assert not policy.fault
    assert not refuses(policy)


def test_a_file_that_is_gone_at_start_lets_nothing_in(file: Path) -> None:
    file.unlink()
    assert "there is no such file" in refuses(made(file))


def test_a_file_that_others_may_write_lets_nothing_in(file: Path) -> None:
    file.chmod(0o666)
    assert "others may write it" in refuses(made(file))


def test_a_file_that_goes_bad_later_leaves_the_old_policy_in_force(file: Path) -> None:
    write(file, "host_network = true")
    policy = made(file)
    write(file, "host_network = maybe")
    policy.reload()
    assert "The policy that was read before still counts" in policy.fault
    assert not refuses(policy, hostNetwork=True)
    assert refuses(policy, hostPID=True)


def test_a_policy_is_read_again(file: Path) -> None:
    policy = made(file)
    held = policy.in_force  # by the one door into the store
    write(file, "host_network = true")
    policy.reload()
    assert not refuses(policy, hostNetwork=True)
    assert held is policy.in_force


def rules_of_signatures(tmp_path: Path) -> Path:
    rules = tmp_path / "rules.json"
    rules.write_text('{"default": [{"type": "reject"}]}')
    rules.chmod(0o644)
    return rules


def test_rules_of_signatures_reach_the_engine_at_a_start_alone(file: Path, tmp_path: Path) -> None:
    rules = rules_of_signatures(tmp_path)
    policy = made(file)
    write(file, f'signatures = "{rules}"')
    policy.reload()
    assert "signatures: the engine learns of another file at the agent's next start" in policy.fault
    assert policy.signatures is None
    assert made(file).signatures == rules


def test_a_foreign_engine_is_given_no_rules(file: Path, tmp_path: Path) -> None:
    write(file, f'signatures = "{rules_of_signatures(tmp_path)}"')
    settings = Settings(
        admission=AdmissionSettings(policy=file), podman=PodmanSettings(socket=Path("/run/podman/podman.sock"))
    )
    assert "signatures: the engine of [podman] socket" in BoardPolicy(settings).fault


def test_a_host_path_that_a_key_allows_is_bound_to_what_the_key_allows(file: Path) -> None:
    write(
        file,
        """
        host_paths = ["/srv/a", "/srv/b", {path = "/etc", read_only = true}]
        devices = ["/dev/ttyS0"]
        [source.manifest]
        host_paths = ["/"]
        """,
    )
    policy = made(file)
    paths = {"a": "/srv/a/x", "etc": "/etc/hosts", "tty": "/dev/ttyS0", "none": "/opt"}
    pod = builders.pod("web", volumes=[{"name": name, "hostPath": {"path": path}} for name, path in paths.items()])
    etc = HostBound(("/srv/a", "/srv/b", "/etc"), make=False)  # nothing is made in what may only be read
    assert policy.host_bounds(pod) == {"a": HostBound(("/srv/a", "/srv/b")), "etc": etc}
    pod.metadata.annotations["kubernetes.io/config.source"] = "file"
    assert policy.host_bounds(pod)["none"] == HostBound(("/",))
    write(file, "")
    assert made(file).host_bounds(pod) == {}


async def test_who_has_the_board_is_told_what_would_be_refused_now(file: Path) -> None:
    store, events = FakeObjectStore(), FakeEvents()
    for name, spec in (("net", {"hostNetwork": True}), ("plain", {}), ("leaving", {"hostNetwork": True})):
        key = Key("Pod", "default", name)
        await store.put(key, builders.complete_pod_document(name, **spec), source="mqtt")
    await store.mark_deleted(Key("Pod", "default", "leaving"), uid=store.list("Pod")[0].uid, grace_s=1)
    policy = made(file)
    policy.tell(store, events, NODE)
    told = {(one.regarding.name, one.reason) for one in events.recorded}
    assert ("net", "PolicyViolation") in told
    assert "plain" not in {name for name, _ in told}

    write(file, "broken")
    policy.reload()
    policy.tell(store, events, NODE)
    assert ("board", "PolicyUnusable") in {(one.regarding.name, one.reason) for one in events.recorded}


def test_the_agents_own_user_has_to_own_the_file(file: Path) -> None:
    if os.geteuid() == 0:
        os.chown(file, 65534, -1)
        assert "it belongs to uid 65534" in made(file).fault
