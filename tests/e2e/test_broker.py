"""The broker goes, dies, forgets everything: pods do not notice, and the broker is told everything again."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator

import pytest

from tests.fixtures.agent import until
from tests.fixtures.site import Site, container_ids
from tests.fixtures.workload import config_map, pod

pytestmark = [pytest.mark.podman, pytest.mark.mosquitto]


@pytest.fixture(scope="module")
def site() -> Iterator[Site]:
    """A board that waits five seconds where others wait a minute: so many restarts look like a fight over its id."""
    with Site(settings={"mqtt": {"reconnect_max_s": 5}}) as site:
        yield site


@pytest.fixture
def running(site: Site) -> Iterator[dict[str, str]]:
    """Container ids of a pod that came over the broker, one that came by a file, one by the local API."""
    site.want(pod("afar"), "afar")
    manifest = site.agent.base / "manifests" / "file.json"
    manifest.write_text(json.dumps(pod("file")))
    site.agent.apply(pod("near"))
    yield ids_of(site, "afar", "file", "near")
    if not site.broker.running:
        site.broker.start()
    if not site.agent.alive:
        site.agent.start()
    site.listen_anew()
    manifest.unlink(missing_ok=True)
    site.unwant("afar")
    site.agent.cli("delete", "pod", "near", "afar", "--ignore-not-found", "--wait=false", check=False)
    until(lambda: not site.agent.containers(), what="the pods are gone")


def ids_of(site: Site, *names: str) -> dict[str, str]:
    return {name: container_ids(site.ready(name))["main"] for name in names}


def alive(site: Site) -> set[str]:
    return {one["Id"] for one in site.agent.containers() if one["State"] == "running"}


def told_by(site: Site, boot: str, *names: str) -> None:
    """Wait until a listener that knows nothing has been told about pods by the agent of that boot id."""
    site.listen_anew()
    until(lambda: site.online().get("bootID") == boot, what="status/online")
    until(lambda: all((site.message(name) or {}).get("bootID") == boot for name in names), what=f"statuses of {names}")


def stop(site: Site) -> None:
    site.broker.stop()
    site.broker.start()


def kill(site: Site) -> None:
    site.broker.kill()
    site.broker.start()


def wipe(site: Site) -> None:
    site.broker.stop()
    site.broker.wipe()
    site.broker.start()


def kill_and_wipe(site: Site) -> None:
    site.broker.kill()
    site.broker.wipe()
    site.broker.start()


@pytest.mark.parametrize("mishap", [stop, kill, wipe, kill_and_wipe])
def test_pods_do_not_notice_what_becomes_of_the_broker(
    site: Site, running: dict[str, str], mishap: Callable[[Site], None]
) -> None:
    online = site.online()
    mishap(site)
    told_by(site, online["bootID"], "afar", "file", "near")
    until(lambda: site.online().get("connection", 0) > online["connection"], what="a new connection is told")
    assert ids_of(site, "afar", "file", "near") == running
    assert alive(site) == set(running.values())
    assert all(one["restartCount"] == 0 for one in site.status("afar")["containerStatuses"])
    site.want(pod("afterwards"), "afterwards")  # the link carries both ways
    site.ready("afterwards")
    site.unwant("afterwards")
    site.gone("afterwards")
    assert alive(site) == set(running.values())


@pytest.mark.parametrize("restart", [stop, wipe])
def test_pods_do_not_notice_when_it_happens_while_the_agent_is_down(
    site: Site, running: dict[str, str], restart: Callable[[Site], None]
) -> None:
    before = site.online()["bootID"]
    site.agent.kill()
    restart(site)
    site.listen_anew()
    boot = site.revive(before)
    told_by(site, boot, "afar", "file", "near")
    assert ids_of(site, "afar", "file", "near") == running
    assert alive(site) == set(running.values())


def test_delete_that_was_sent_while_the_agent_was_away_is_obeyed(site: Site, running: dict[str, str]) -> None:
    before = site.online()["bootID"]
    assert site.agent.stop() == 0
    site.unwant("afar")
    site.revive(before)
    site.gone("afar")
    assert alive(site) == {running["file"], running["near"]}


def test_absence_deletes_nothing(site: Site, running: dict[str, str]) -> None:
    """The delete was sent, but the broker forgot that we were to get it: nothing retained is no order."""
    before = site.online()["bootID"]
    assert site.agent.stop() == 0
    site.unwant("afar")
    wipe(site)
    site.listen_anew()
    told_by(site, site.revive(before), "afar", "file", "near")
    assert alive(site) == set(running.values())
    site.unwant("afar")
    site.gone("afar")
    assert alive(site) == {running["file"], running["near"]}


def test_what_went_without_the_link_is_cleared_with_it(site: Site, running: dict[str, str]) -> None:
    site.agent.apply(config_map("note", a="1"))
    until(lambda: site.message("note", "configmaps"), what="the ConfigMap is told of")
    before = site.online()["bootID"]
    site.broker.stop()
    site.agent.cli("delete", "pod", "near")
    site.agent.kill()  # and nobody is left who remembers but the disk
    (site.agent.base / "manifests" / "file.json").unlink()
    site.broker.start()
    site.listen_anew()
    until(lambda: site.message("near") and site.message("file"), what="the broker still has the old")
    site.revive(before)
    site.gone("near", "file")
    assert ids_of(site, "afar") == {"afar": running["afar"]}
    assert site.message("note", "configmaps")
    site.agent.cli("delete", "configmap", "note")
    until(lambda: site.cleared("note", "configmaps"), what="the ConfigMap's topic is cleared")
    retained = site.broker.retained(f"{site.root}status/#")
    assert sorted(topic.removeprefix(f"{site.root}status/") for topic in retained) == [
        "node",
        "online",
        "pods/default/afar",
    ]
