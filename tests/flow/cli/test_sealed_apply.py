"""`apply --node-key`: Secrets are sealed before they are signed or sent; without it signed ones are held back."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest

from edgelet.adapters.sealing import hpke
from edgelet.api import desired_index, sealed_secret
from tests.fakes import opener
from tests.fixtures.mosquitto import Mosquitto
from tests.flow.cli.conftest import Ran
from tests.flow.cli.test_signed_flow import INDEX, Author
from tests.hostile.signer import NODE

pytestmark = pytest.mark.mosquitto

KEY = base64.b64encode(opener.PUBLIC).decode()
SECRET = {
    "apiVersion": "v1",
    "kind": "Secret",
    "metadata": {"name": "db", "namespace": "shop"},
    "stringData": {"password": "correct horse"},
}
CONFIG = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "web"}, "data": {"a": "b"}}
TOPIC = f"{NODE}desired/secrets/shop/db"


@pytest.fixture
def author(capsys: pytest.CaptureFixture[str]) -> Iterator[Author]:
    with TemporaryDirectory(prefix="el-", dir="/tmp") as made, Mosquitto(Path(made)) as broker:
        author = Author(Path(made), broker, capsys)
        author.key("a.key")
        yield author


def file_of(author: Author, *documents: dict[str, Any]) -> str:
    path = author.folder / "objects.yaml"
    path.write_text("\n---\n".join(map(json.dumps, documents)))
    return str(path)


def signed(author: Author, *words: str) -> Ran:
    return author.signed(*words, keys=str(author.folder / "a.key"))


def retained(author: Author) -> dict[str, bytes]:
    return {one.topic: one.payload for one in author.retained()}


def opened(payload: bytes) -> dict[str, Any]:
    sealed = sealed_secret.read(json.loads(payload), default_namespace="default")
    assert sealed.node == "default/pi-01"
    found: dict[str, Any] = json.loads(hpke.unseal(sealed.sealed, private=opener.PRIVATE, info=sealed.info))
    return found


def test_a_plain_secret_keeps_the_whole_generation_back_and_the_ways_are_told(author: Author) -> None:
    ran = signed(author, "apply", "-f", file_of(author, CONFIG, SECRET))
    assert ran.code == 1
    assert 'secret "db" in namespace "shop"' in ran.err
    assert "--node-key" in ran.err
    assert "edgelet seal" in ran.err
    assert "--allow-plain-secrets" in ran.err
    assert "nothing was signed" in ran.err
    assert "correct" not in ran.err
    assert retained(author) == {}
    assert not (author.folder / "index.json").exists()


@pytest.mark.parametrize("as_file", [False, True])
def test_with_the_nodes_key_it_goes_out_sealed_among_the_others(author: Author, *, as_file: bool) -> None:
    (author.folder / "node.pub").write_text(f"{KEY}\n")
    key = str(author.folder / "node.pub") if as_file else KEY
    ran = signed(author, "apply", "-f", file_of(author, CONFIG, SECRET), "--node-key", key)
    assert ran == Ran(0, "configmap/web created\nsecret/db created\n", "")
    found = retained(author)
    assert found.keys() == {INDEX, TOPIC, f"{NODE}desired/configmaps/default/web"}
    assert opened(found[TOPIC])["stringData"] == {"password": "correct horse"}
    assert not any(b"correct" in payload for payload in found.values())


def test_each_time_is_a_new_seal_and_a_new_generation_and_a_deletion_finds_it(author: Author) -> None:
    words = ("apply", "-f", file_of(author, SECRET), "--node-key", KEY)
    signed(author, *words)
    first = retained(author)
    assert signed(author, *words) == Ran(0, "secret/db configured\n", "")
    second = retained(author)
    assert second[TOPIC] != first[TOPIC]
    assert opened(second[TOPIC]) == opened(first[TOPIC])
    assert [desired_index.parse(one[INDEX]).version.generation for one in (first, second)] == [1, 2]
    assert signed(author, "delete", "-f", words[2], "--wait=false") == Ran(0, 'secret "db" deleted\n', "")
    assert retained(author).keys() == {INDEX}


def test_what_was_sealed_before_goes_out_as_it_is_with_or_without_a_key(author: Author) -> None:
    text = author.run("seal", "-o", "json", "-f", file_of(author, SECRET), "--node", "default/pi-01", "--node-key", KEY)
    path = file_of(author, json.loads(text.out))
    assert signed(author, "apply", "-f", path) == Ran(0, "secret/db created\n", "")
    first = retained(author)
    assert json.loads(first[TOPIC]) == json.loads(text.out)
    assert signed(author, "apply", "-f", path, "--node-key", KEY) == Ran(0, "secret/db unchanged\n", "")
    assert retained(author)[TOPIC] == first[TOPIC]


def test_plain_ones_can_be_meant(author: Author) -> None:
    ran = signed(author, "apply", "-f", file_of(author, SECRET), "--allow-plain-secrets")
    assert ran == Ran(0, "secret/db created\n", "")
    assert json.loads(retained(author)[TOPIC]) == SECRET


def test_a_dry_run_shows_what_would_be_sent_and_what_would_not(author: Author) -> None:
    words = ("apply", "-f", file_of(author, SECRET), "--dry-run=client", "-o", "json")
    assert signed(author, *words).code == 1
    ran = signed(author, *words, "--node-key", KEY)
    assert (ran.code, ran.err) == (0, "")
    assert opened(ran.out.encode())["stringData"] == {"password": "correct horse"}
    assert retained(author) == {}


def test_a_fault_of_the_secret_is_found_before_it_is_sealed(author: Author) -> None:
    broken = SECRET | {"data": {"p": "no base64!"}}
    ran = signed(author, "apply", "-f", file_of(author, CONFIG, broken), "--node-key", KEY)
    assert ran.code == 1
    assert "data[p]: Invalid value" in ran.err
    assert "no base64!" not in ran.err
    assert retained(author) == {}


def test_without_signatures_it_is_sealed_too_and_plain_where_nobody_says_otherwise(author: Author) -> None:
    where = ("--node", "default/pi-01", "--broker", author._broker.url)
    path = file_of(author, SECRET)
    assert author.run("apply", "-f", path, *where, "--node-key", KEY) == Ran(0, "secret/db created\n", "")
    assert opened(retained(author)[TOPIC])["metadata"] == {"name": "db", "namespace": "shop"}
    assert author.run("apply", "-f", path, *where) == Ran(0, "secret/db configured\n", "")
    assert json.loads(retained(author)[TOPIC]) == SECRET


def test_flags_that_do_not_go_together_are_told(author: Author) -> None:
    path = file_of(author, SECRET)
    where = ("--node", "default/pi-01", "--broker", author._broker.url)
    for words, why in (
        (("--node-key", KEY), "goes with --node and --broker"),
        ((*where, "--allow-plain-secrets"), "goes with --sign"),
        ((*where, "--sign", "a", "--node-key", KEY, "--allow-plain-secrets"), "without --node-key"),
        ((*where, "--node-key", "AAAA"), "cannot use --node-key"),
        ((*where, "--node-key", "/nowhere"), "cannot use --node-key"),
    ):
        ran = author.run("apply", "-f", path, *words)
        assert (ran.code, why in ran.err) == (1, True), (words, ran.err)
    assert retained(author) == {}
