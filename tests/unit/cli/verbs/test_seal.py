from __future__ import annotations

import base64
import io
import json
from pathlib import Path
from typing import Any

import pytest

from edgelet.adapters.sealing import hpke
from edgelet.api import sealed_secret
from edgelet.cli import main
from tests.fakes import opener

KEY = base64.b64encode(opener.PUBLIC).decode()
SECRET: dict[str, Any] = {
    "apiVersion": "v1",
    "kind": "Secret",
    "metadata": {"name": "db", "namespace": "shop", "labels": {"app": "web"}},
    "stringData": {"password": "correct horse"},
}


@pytest.fixture
def manifest(tmp_path: Path) -> Path:
    path = tmp_path / "secret.json"
    path.write_text(json.dumps(SECRET))
    return path


def seal(*words: str) -> int:
    return main.run(["seal", "-o", "json", *words])


def opened(document: dict[str, Any]) -> dict[str, Any]:
    sealed = sealed_secret.read(document, default_namespace="default")
    found: dict[str, Any] = json.loads(hpke.unseal(sealed.sealed, private=opener.PRIVATE, info=sealed.info))
    return found


@pytest.mark.parametrize("as_file", [True, False])
def test_only_the_node_opens_what_comes_out(
    manifest: Path, capsys: pytest.CaptureFixture[str], *, as_file: bool
) -> None:
    key = manifest.with_name("key")
    key.write_text(f"{KEY}\n")
    assert seal("-f", str(manifest), "--node", "acme/pi", "--node-key", str(key) if as_file else KEY) == 0
    out = capsys.readouterr().out
    assert "correct" not in out
    assert "labels" not in out
    document = json.loads(out)
    assert (document["metadata"], document["spec"]["node"]) == ({"name": "db", "namespace": "shop"}, "acme/pi")
    assert opened(document)["stringData"] == {"password": "correct horse"}


def test_other_objects_are_passed_on_and_what_is_sealed_stays_so(
    manifest: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pod = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "web"}}
    flags = ("--node", "acme/pi", "--node-key", KEY)
    assert seal("-f", str(manifest), *flags) == 0
    sealed = json.loads(capsys.readouterr().out)
    manifest.write_text(json.dumps(pod) + json.dumps(sealed))
    assert seal("-f", str(manifest), *flags) == 0
    items = json.loads(capsys.readouterr().out)["items"]
    assert [one["kind"] for one in items] == ["Pod", "SealedSecret"]
    assert items[1] == sealed


def test_the_namespace_flag_is_sealed_in(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    text = json.dumps(SECRET | {"metadata": {"name": "db"}})
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(text.encode())))
    assert seal("-f", "-", "-n", "shed", "--node", "acme/pi", "--node-key", KEY) == 0
    document = json.loads(capsys.readouterr().out)
    assert document["metadata"]["namespace"] == "shed"
    assert opened(document)["metadata"]["namespace"] == "shed"


@pytest.mark.parametrize(
    ("words", "why"),
    [
        (("--node", "acme/pi"), "go together"),
        (("--node-key", KEY), "go together"),
        (("--node", "pi", "--node-key", KEY), "not TENANT/NAME"),
        (("--node", "acme/pi", "--node-key", "AAAA"), "cannot use --node-key"),
        (("--node", "acme/pi", "--node-key", "/nowhere"), "cannot use --node-key"),
        (("--node", "acme/pi", "--node-key", KEY, "-o", "name"), "json or yaml"),
    ],
)
def test_what_cannot_be_is_said(
    manifest: Path, capsys: pytest.CaptureFixture[str], words: tuple[str, ...], why: str
) -> None:
    assert seal("-f", str(manifest), *words) == 1
    assert why in capsys.readouterr().err


def test_a_fault_is_found_before_it_is_sealed_and_no_value_is_told(
    manifest: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    manifest.write_text(json.dumps(SECRET | {"data": {"p": "no base64!"}}))
    assert seal("-f", str(manifest), "--node", "acme/pi", "--node-key", KEY) == 1
    told = capsys.readouterr()
    assert "data[p]: Invalid value: illegal base64 data" in told.err
    assert "no base64!" not in told.err
    assert told.out == ""


@pytest.mark.parametrize("given", ["AAAA", base64.b64encode(bytes(33)).decode(), "no such file", "\u00fc"])
def test_a_key_that_is_neither_a_file_nor_32_bytes_is_so_told(
    manifest: Path, capsys: pytest.CaptureFixture[str], given: str
) -> None:
    assert seal("-f", str(manifest), "--node", "acme/pi", "--node-key", given) == 1
    err = capsys.readouterr().err
    assert err.startswith(f"error: cannot use --node-key {given}: it is no file, and not 32 bytes in base64 (")
