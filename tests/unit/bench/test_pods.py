from __future__ import annotations

from bench.pods import pod, running


def test_a_pod_runs_when_all_its_containers_do() -> None:
    up, waiting = {"name": "a", "state": {"running": {}}}, {"name": "b", "state": {"waiting": {}}}

    assert running({"status": {"phase": "Running", "containerStatuses": [up]}})
    assert not running({"status": {"phase": "Running", "containerStatuses": [up, waiting]}})
    assert not running({"status": {"phase": "Pending", "containerStatuses": [up]}})
    assert not running({"status": {"phase": "Running"}})
    assert not running({})
    assert not running(None)


def test_containers_have_names_of_their_own() -> None:
    assert [one["name"] for one in pod("p", containers=3)["spec"]["containers"]] == ["c0", "c1", "c2"]
