"""Signed desired state on a real broker, a real agent and Podman: what is signed runs, what is not does not."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.fixtures.agent import ROOT, until
from tests.fixtures.mqtt_clients import publish
from tests.fixtures.site import Site, container

pytestmark = [pytest.mark.podman, pytest.mark.mosquitto]

NODE = "default/board"
POD = """
apiVersion: v1
kind: Pod
metadata: {name: NAME}
spec:
  terminationGracePeriodSeconds: 0
  containers:
    - {name: main, image: localhost/testbox:1, command: [sleep, "TIME"]}
"""


class Author:
    """Somebody with a key, and the command line."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.key = folder / "release.key"
        self.run("sign", "init-key", str(self.key))
        self.keys = folder / "keys"
        self.keys.mkdir()
        self.run("sign", "public", str(self.key), "-o", str(self.keys / "release.pem"))

    def run(self, *arguments: str, stdin: str = "") -> str:
        done = subprocess.run(
            (sys.executable, "-m", "edgelet", *arguments),
            cwd=ROOT,
            input=stdin,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        assert done.returncode == 0, f"{arguments}: {done.stdout}{done.stderr}"
        return done.stdout

    def signed(self, site: Site, *words: str, stdin: str = "") -> str:
        """Call a verb for the site's node, signed."""
        where = ("--node", NODE, "--broker", site.broker.url, "--sign", str(self.key))
        return self.run(*words, *where, "--index-file", str(self.folder / "index.json"), stdin=stdin)


@pytest.fixture
def author() -> Iterator[Author]:
    with tempfile.TemporaryDirectory(prefix="el-k-", dir="/tmp") as folder:
        yield Author(Path(folder))


@pytest.fixture
def site(author: Author) -> Iterator[Site]:
    with Site(settings={"trust": {"require_signature": True, "signing_keys": str(author.keys)}}) as site:
        yield site


def pod(name: str, time: str = "1000") -> str:
    return POD.replace("NAME", name).replace("TIME", time)


def generation(site: Site) -> str:
    """What the node says of the index that rules."""
    node: dict[str, Any] = site.listener.document(f"{site.root}status/node") or {}
    return str(node.get("metadata", {}).get("annotations", {}).get("edgelet/index-generation"))


def error_of(site: Site, name: str) -> tuple[Any, Any]:
    error = (site.message(name) or {}).get("error", {})
    return error.get("code"), error.get("reason")


def test_a_signed_pod_runs_and_what_was_tampered_with_is_refused(site: Site, author: Author) -> None:
    assert author.signed(site, "apply", "-f", "-", stdin=pod("web")) == "pod/web created\n"
    first = container(site.ready("web"))["containerID"]
    until(lambda: generation(site) == "1", what="the node tells the index that rules")

    retained = site.broker.retained(f"{site.root}desired/#")
    site.want(retained[f"{site.root}desired/pods/default/web"].replace(b'"1000"', b'"2000"'), "web")
    until(lambda: error_of(site, "web") == (401, "Unauthorized"), what="the changed pod is refused")
    site.want(pod("evil"), "evil")
    until(lambda: error_of(site, "evil") == (401, "Unauthorized"), what="an unsigned pod is refused")
    site.unwant("web")
    publish(site.broker, f"{site.root}desired/index", retained[f"{site.root}desired/index"])  # its properties are lost
    index_error = until(lambda: site.listener.document(f"{site.root}status/index"), what="an unsigned index is refused")
    assert index_error["error"]["code"] == 401
    publish(site.broker, f"{site.root}cmd/drain/1", json.dumps({"nonce": "0" * 32}), retain=False)

    boot = site.online()["bootID"]
    site.agent.kill()
    site.broker.kill()
    site.broker.wipe()
    site.broker.start()
    site.revive(boot)
    assert container(site.ready("web"))["containerID"] == first, "neither a wiped broker nor a kill changes what runs"
    assert [one["Names"][0] for one in site.agent.containers() if "evil" in one["Names"][0]] == []

    assert author.signed(site, "apply", "-f", "-", stdin=pod("db")) == "pod/db created\n"
    site.ready("db")
    assert container(site.ready("web"))["containerID"] == first
    until(lambda: site.listener.newest.get(f"{site.root}status/index") == "", what="the index is forgiven")
    author.signed(site, "delete", "pod", "web")
    site.gone("web")
    assert site.agent.get("pod", "web") is None
    assert site.agent.get("pod", "db") is not None
    until(lambda: generation(site) == "3", what="the third generation rules")


def test_a_signed_secret_is_taken_sealed_and_refused_in_clear(site: Site, author: Author) -> None:
    secret = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "db"}, "stringData": {"p": "correct horse"}}
    author.signed(site, "apply", "-f", "-", "--allow-plain-secrets", stdin=json.dumps(secret))
    refused = until(lambda: (site.message("db", "secrets") or {}).get("error"), what="the plain secret is refused")
    assert (refused["code"], "not sealed for this node" in refused["message"]) == (403, True)
    assert site.agent.get("secret", "db") is None

    key = site.agent.cli("secrets", "public-key").stdout
    sealed = author.run("seal", "-f", "-", "--node", NODE, "--node-key", key.strip(), stdin=json.dumps(secret))
    assert author.signed(site, "apply", "-f", "-", stdin=sealed) == "secret/db configured\n"
    found = until(lambda: site.agent.get("secret", "db"), what="the sealed secret is taken")
    assert found["data"] == {"p": "Y29ycmVjdCBob3JzZQ=="}
    until(lambda: "error" not in (site.message("db", "secrets") or {"error": 1}), what="the refusal is taken back")
    assert not any(b"correct" in payload for payload in site.broker.retained(f"{site.root}#").values())

    words = ("apply", "-f", "-", "--node-key", key.strip())
    kept = site.agent.get("secret", "db")
    assert author.signed(site, *words, stdin=json.dumps(secret)) == "secret/db configured\n"
    until(lambda: generation(site) == "3", what="it is sealed anew, in a generation of its own")
    assert site.agent.get("secret", "db") == kept, "the node finds the same Secret in it"
    secret["stringData"] = {"p": "battery staple"}
    author.signed(site, *words, stdin=json.dumps(secret))
    until(lambda: (site.agent.get("secret", "db") or {})["data"] == {"p": "YmF0dGVyeSBzdGFwbGU="}, what="the new one")
    assert not any(b"battery" in payload for payload in site.broker.retained(f"{site.root}#").values())
    author.signed(site, "delete", "secret", "db", "--wait=false")
    until(lambda: site.agent.get("secret", "db") is None, what="it is gone")
