"""The manifest folder on a real board: what a file says runs for as long as the file is there, whatever is written."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.fixtures.agent import TESTBOX, until
from tests.fixtures.site import Site, container, container_ids
from tests.fixtures.workload import IDLE, pod
from tests.fixtures.workload import container as container_of

pytestmark = [pytest.mark.podman, pytest.mark.mosquitto]

SETTLED_S = 2.5  # longer than a removed file is waited for


@pytest.fixture
def folder(site: Site) -> Iterator[Path]:
    """An empty manifest folder."""
    folder = site.agent.base / "manifests"
    yield folder
    for one in folder.iterdir():
        one.unlink()
    until(lambda: not site.agent.containers(), what="the folder's pods are gone")


def saying(word: str, name: str = "web", **fields: Any) -> str:
    """Return a manifest of a pod that says a word."""
    return json.dumps(
        pod(name, container_of("main", f"echo $WORD; {IDLE}", env=[{"name": "WORD", "value": word}], **fields))
    )


def logs(site: Site, name: str = "web") -> str:
    return site.agent.cli("logs", name, check=False).stdout


def events(site: Site, reason: str) -> list[str]:
    found = json.loads(site.agent.cli("get", "events", "-A", "-o", "json").stdout)["items"]
    return [one["message"] for one in found if one["reason"] == reason]


def uid_of(site: Site, name: str = "web") -> str:
    found = site.agent.get("pod", name)
    return found["metadata"]["uid"] if found else ""


def test_file_is_added_changed_and_removed(site: Site, folder: Path) -> None:
    file = folder / "web.json"
    file.write_text(saying("one"))
    first = site.ready("web")
    assert (site.message("web") or {})["source"] == "file"
    until(lambda: logs(site) == "one\n", what="the first word")
    uid = uid_of(site)

    file.write_text(saying("two"))  # a pod's environment cannot change: it is replaced
    until(lambda: uid_of(site) not in {"", uid}, what="another pod of that name")
    until(lambda: logs(site) == "two\n", what="the second word")
    second = site.ready("web")
    assert container_ids(second) != container_ids(first)
    assert [one["Id"] for one in site.agent.containers()] == list(container_ids(second).values())

    site.agent.podman("tag", TESTBOX, "localhost/testbox:2")
    file.write_text(saying("two", image="localhost/testbox:2"))
    site.settled("web", lambda status: container(status).get("image") == "localhost/testbox:2")
    site.ready("web")
    assert len([one for one in site.agent.containers() if one["State"] == "running"]) == 1

    file.unlink()
    site.gone("web")
    assert site.agent.containers() == []


def test_bad_and_half_written_files_change_nothing(site: Site, folder: Path) -> None:
    good, bad = folder / "good.yaml", folder / "bad.yaml"
    good.write_text(saying("good", "good"))
    bad.write_text(saying("bad", "bad"))
    before = container_ids(site.ready("good")) | {"bad": container_ids(site.ready("bad"))["main"]}

    bad.write_text("kind: Pod\n  broken: [")
    until(lambda: any("bad.yaml" in one for one in events(site, "FailedManifest")), what="the fault is told")
    whole = saying("bad", "bad")
    for length in (0, 1, len(whole) // 2, len(whole) - 1):
        bad.write_text(whole[:length])
        assert site.agent.get("pod", "bad")
    time.sleep(SETTLED_S)
    assert rest(site, before) == set()
    bad.write_text(saying("other", "another"))  # the file means something else now
    site.ready("another")
    site.gone("bad")
    assert container_ids(site.ready("good"))["main"] == before["main"]


def rest(site: Site, before: dict[str, str]) -> set[str]:
    """Return what differs from before."""
    return set(before.values()) ^ {one["Id"] for one in site.agent.containers()}


def test_manifest_is_kept_over_restart_and_obeyed_when_it_went_meanwhile(site: Site, folder: Path) -> None:
    (folder / "stays.yaml").write_text(saying("stays", "stays"))
    (folder / "goes.yaml").write_text(saying("goes", "goes"))
    before = container_ids(site.ready("stays"))
    site.ready("goes")
    boot = site.online()["bootID"]
    site.agent.kill()
    (folder / "goes.yaml").unlink()
    site.revive(boot)
    site.gone("goes")
    assert container_ids(site.ready("stays")) == before
    assert [one["Id"] for one in site.agent.containers()] == list(before.values())


def test_first_source_keeps_an_object(site: Site, folder: Path) -> None:
    (folder / "web.yaml").write_text(saying("file"))
    before = container_ids(site.ready("web"))
    site.want(saying("broker"), "web")
    error = until(lambda: (site.message("web") or {}).get("error"), what="the broker's version is refused")
    assert (error["code"], error["reason"]) == (409, "Conflict")
    assert "file" in error["message"]
    near = site.agent.cli("apply", "-f", "-", stdin=saying("near"), check=False)
    assert near.returncode == 1
    assert "file" in near.stderr
    assert container_ids(site.ready("web")) == before

    site.unwant("web")
    until(lambda: "error" not in (site.message("web") or {"error": 1}), what="the refusal is taken back")
    assert container_ids(site.ready("web")) == before

    site.want(saying("first", "afar"), "afar")
    afar = container_ids(site.ready("afar"))
    (folder / "afar.yaml").write_text(saying("second", "afar"))
    until(lambda: any("afar" in one for one in events(site, "FailedManifest")), what="the file's version is refused")
    assert container_ids(site.ready("afar")) == afar
    (folder / "afar.yaml").unlink()
    site.unwant("afar")
    site.gone("afar")
