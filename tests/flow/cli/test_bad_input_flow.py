"""What a person gets wrong on a command line is told by its name, with what helps, and never as a traceback."""

from __future__ import annotations

import base64
import json
import os
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from edgelet.cli import main

NOBODY = 65534
TOO_LONG = "x" * 300  # for the name of a file
OVER_MQTT = ("--node", "a/b", "--broker", "mqtt://127.0.0.1:1")
SECRET = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "db"}, "stringData": {"p": "x"}}
NO_KEY = base64.b64encode(bytes(32)).decode()  # of the right size; nothing can be sealed under it


@pytest.fixture
def somebody() -> Iterator[Path]:
    """Be nobody in particular, in a directory that everybody can read. Root is told of no missing rights."""
    with TemporaryDirectory(prefix="el-", dir="/tmp") as made:
        Path(made).chmod(0o755)
        (Path(made) / "closed").mkdir(mode=0)
        uid = os.geteuid()
        if not uid:
            os.seteuid(NOBODY)
        try:
            yield Path(made)
        finally:
            os.seteuid(uid)
            (Path(made) / "closed").chmod(0o700)


@pytest.mark.parametrize(
    ("argv", "said"),
    [
        (("policy",), "policy needs a command; there are check and audit"),
        (("policy", "check", "web.yaml"), "unexpected arguments: web.yaml; manifests are given with -f"),
        (("policy", "frobnicate"), "unknown command: policy frobnicate; there are check and audit"),
        (("config", "check", "my.toml"), "unexpected arguments: my.toml; the settings are given with --config"),
        (("config",), "there is `config check`"),
        (("sign",), "sign needs a command; there are init-key FILE, public FILE, index and roll-key"),
        (("sign", "frobnicate"), "unknown command: sign frobnicate; there are init-key FILE"),
        (("sign", "public"), "sign public needs exactly one FILE, got 0"),
        (("sign", "init-key", "a", "b"), "sign init-key needs exactly one FILE, got 2"),
        (("token",), "token needs a command; there are create, list and delete ID"),
        (("token", "delete"), "token delete needs exactly one ID, got 0: see edgelet token list"),
        (("patch", "pod", "x", "--patch-file", "/none/there"), "unable to read patch file /none/there: No such file"),
        (("get", "pods", *OVER_MQTT, "--prefix", "x/#"), "--prefix 'x/#' is no topic prefix"),
        (("apply", "-f", "x", *OVER_MQTT, "--prefix", ""), "--prefix '' is no topic prefix"),
        (("join", "xyz"), "cannot read the join line: it has to begin with edgelet1."),
        (("join", "--file", TOO_LONG), f"cannot read the join line in {TOO_LONG}: File name too long"),
        (("secrets", "rotate-key", "--config", TOO_LONG), f"{TOO_LONG}: File name too long"),
    ],
)
def test_a_wrong_word_is_told(
    argv: tuple[str, ...], said: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("EDGELET_SOCKET", "/none/there.sock")
    assert main.run(argv) in {1, 2}
    told = capsys.readouterr()
    assert said in told.err
    assert told.out == ""


def test_the_file_of_a_bad_join_line_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "line"
    path.write_text("# for pi-02\nhello\n")
    assert main.run(["join", "--file", str(path), "--pki", str(tmp_path / "pki")]) == 2
    assert f"{path}: cannot read the join line: it has to begin with edgelet1." in capsys.readouterr().err


def test_a_key_that_opens_nothing_is_told_as_that(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "secret.json"
    path.write_text(json.dumps(SECRET))
    assert main.run(["seal", "-f", str(path), "--node", "acme/pi", "--node-key", NO_KEY]) == 1
    told = capsys.readouterr()
    assert told.err.startswith("error: cannot use --node-key: it is no public key of a node (")
    assert told.out == ""


@pytest.mark.parametrize("flags", [(), ("-R",)])
def test_a_directory_that_is_closed_is_not_taken_for_an_empty_one(
    somebody: Path, capsys: pytest.CaptureFixture[str], flags: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("EDGELET_SOCKET", str(somebody / "none.sock"))
    closed = somebody / "closed"
    assert main.run(["apply", "-f", str(closed), *flags]) == 1
    assert capsys.readouterr().err == f"error: error reading {closed}: Permission denied\n"


def test_a_closed_directory_further_down_is_told_before_anything_is_applied(
    somebody: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("EDGELET_SOCKET", str(somebody / "none.sock"))
    assert main.run(["apply", "-f", str(somebody), "-R"]) == 1
    assert capsys.readouterr().err == f"error: error reading {somebody / 'closed'}: Permission denied\n"


def test_a_join_line_behind_a_closed_directory_is_named(somebody: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = somebody / "closed" / "line"
    assert main.run(["join", "--file", str(path)]) == 1
    assert capsys.readouterr().err == f"error: cannot read the join line in {path}: Permission denied\n"
