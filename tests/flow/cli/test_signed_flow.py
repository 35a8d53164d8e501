"""The command line signs, a real broker carries, a board's real intake judges."""

from __future__ import annotations

import json
import stat
from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from edgelet.adapters.signing import public_keys
from edgelet.cli import main, over_mqtt
from edgelet.cli.flags import parse
from edgelet.cli.verb import GLOBAL_FLAGS, OVER_MQTT
from tests.fixtures.mosquitto import Mosquitto
from tests.flow.cli.conftest import Ran
from tests.hostile.board import Board, Clocks
from tests.hostile.signer import NODE, Sent

pytestmark = pytest.mark.mosquitto

INDEX = f"{NODE}desired/index"


class Author:
    """Somebody with keys in a folder; each call is the command line."""

    def __init__(self, folder: Path, broker: Mosquitto, capsys: pytest.CaptureFixture[str]) -> None:
        self.folder = folder
        self._broker = broker
        self._capsys = capsys
        self.keys = folder / "keys"
        self.keys.mkdir()

    def run(self, *argv: str) -> Ran:
        code = main.run(argv)
        out, err = self._capsys.readouterr()
        return Ran(code, out, err)

    def key(self, name: str) -> str:
        path = str(self.folder / name)
        assert self.run("sign", "init-key", path).code == 0
        return path

    def signed(self, *argv: str, keys: str, file: str = "index.json") -> Ran:
        where = ("--node", "default/pi-01", "--broker", self._broker.url)
        return self.run(*argv, *where, "--sign", keys, "--index-file", str(self.folder / file))

    def manifest(self, *names: str, image: str = "i:1") -> str:
        spec = {"containers": [{"name": "main", "image": image}]}
        pods = [{"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name}, "spec": spec} for name in names]
        path = self.folder / "pods.yaml"
        path.write_text("\n---\n".join(map(json.dumps, pods)))
        return str(path)

    def retained(self) -> list[Sent]:
        """What the broker retains for the node, with its properties."""
        words = ("--node", "default/pi-01", "--broker", self._broker.url)
        session = over_mqtt.session(parse(words, (*GLOBAL_FLAGS, *OVER_MQTT)))
        found = session.messages("desired/#", single=False)
        return [Sent(topic, one.payload, one.content_type, one.properties) for topic, one in found.items()]


@pytest.fixture
def author(capsys: pytest.CaptureFixture[str]) -> Iterator[Author]:
    with TemporaryDirectory(prefix="el-", dir="/tmp") as made, Mosquitto(Path(made)) as broker:
        yield Author(Path(made), broker, capsys)


@pytest.fixture
async def board(author: Author, tmp_path: Path) -> AsyncIterator[Board]:
    async for one in _board(author, author.key("a.key"), tmp_path / "a.db"):
        yield one


async def _board(author: Author, key: str, path: Path) -> AsyncIterator[Board]:
    folder = author.keys / path.name
    folder.mkdir()
    assert author.run("sign", "public", key, "-o", str(folder / "key.pem")).code == 0
    board = Board(path, Clocks(datetime.now(UTC)), public_keys.read_directory(folder))
    await board.start()
    yield board
    await board.stop()


async def deliver(author: Author, board: Board) -> list[str]:
    """Bring the board what the broker retains; return the pods that it has then."""
    for one in author.retained():
        board.wire.deliver(one)
    await board.settle()
    return sorted(path.rpartition("/")[2] for path in board.objects())


def a_key(author: Author) -> str:
    return str(author.folder / "a.key")


async def test_what_is_applied_signed_is_taken_and_what_is_deleted_goes(author: Author, board: Board) -> None:
    ran = author.signed("apply", "-f", author.manifest("web", "db"), keys=a_key(author))
    assert ran == Ran(0, "pod/web created\npod/db created\n", "")
    assert await deliver(author, board) == ["db", "web"]
    ran = author.signed("apply", "-f", author.manifest("web", image="i:2"), keys=a_key(author))
    assert ran.out == "pod/web configured\n"
    assert await deliver(author, board) == ["db", "web"]
    assert author.signed("delete", "pod", "db", "--wait=false", keys=a_key(author)).out == 'pod "db" deleted\n'
    assert await deliver(author, board) == ["web"]
    ran = author.signed("delete", "pod", "db", "--wait=false", keys=a_key(author))
    assert (ran.code, "not found" in ran.err) == (1, True)
    assert board.refused == []
    assert {one.topic for one in author.retained()} == {INDEX, f"{NODE}desired/pods/default/web"}


async def test_an_index_is_signed_anew_with_a_later_end(author: Author, board: Board) -> None:
    author.signed("apply", "-f", author.manifest("web"), keys=a_key(author))
    ran = author.signed("sign", "index", "--expires", "9000h", keys=a_key(author))
    assert ran.out.startswith("index 1.2 until ")
    assert await deliver(author, board) == ["web"]
    assert board.signed.annotations()["edgelet/index-generation"] == "2"


async def test_signatures_may_stand_around_the_payload(author: Author, board: Board) -> None:
    author.signed("apply", "-f", author.manifest("web"), "--envelope", keys=a_key(author))
    assert all(not one.properties for one in author.retained())
    assert await deliver(author, board) == ["web"]


async def test_a_key_rolls_over_for_boards_of_before_and_of_after(author: Author, board: Board, tmp_path: Path) -> None:
    author.signed("apply", "-f", author.manifest("web", "db"), keys=a_key(author))
    new = author.key("b.key")
    ran = author.signed("sign", "roll-key", "--new-key", new, keys=a_key(author))
    assert "1.2 names key" in ran.out
    author.signed("apply", "-f", author.manifest("cache"), keys=f"{new},{a_key(author)}")
    assert await deliver(author, board) == ["cache", "db", "web"], "it missed the index that rolled"
    async for fresh in _board(author, new, tmp_path / "b.db"):
        assert await deliver(author, fresh) == ["cache", "db", "web"]
    author.signed("sign", "index", keys=new)
    assert await deliver(author, board) == ["cache", "db", "web"]
    assert board.signed.annotations()["edgelet/index-generation"] == "4"
    assert board.refused == []


async def test_a_broker_that_shows_an_old_index_or_none_does_not_have_it_signed_anew(
    author: Author, board: Board
) -> None:
    author.signed("apply", "-f", author.manifest("web"), keys=a_key(author))
    old = author.retained()
    author.signed("apply", "-f", author.manifest("db"), keys=a_key(author))
    assert await deliver(author, board) == ["db", "web"]
    for stale in (next(one.payload for one in old if one.topic == INDEX), b""):
        author._broker.publish(INDEX, stale, retain=True)  # without its properties, too
        ran = author.signed("apply", "-f", author.manifest("cache"), keys=a_key(author))
        assert ran.code == 0
    assert await deliver(author, board) == ["cache", "db", "web"]


def test_the_index_of_somebody_else_is_not_signed_over(author: Author) -> None:
    author.signed("apply", "-f", author.manifest("web"), keys=author.key("a.key"))
    ran = author.signed("apply", "-f", author.manifest("db"), keys=author.key("b.key"), file="other.json")
    assert ran.code == 1
    assert "is not yours" in ran.err


def test_a_generation_is_whole_or_not_signed(author: Author) -> None:
    key, path = author.key("a.key"), Path(author.manifest("web"))
    path.write_text(path.read_text() + "\n---\n" + json.dumps({"apiVersion": "v1", "kind": "Pod", "metadata": {}}))
    ran = author.signed("apply", "-f", str(path), keys=key)
    assert ran.code == 1
    assert "nothing was signed" in ran.err
    assert author.retained() == []


def test_a_dry_run_signs_nothing(author: Author) -> None:
    ran = author.signed("apply", "-f", author.manifest("web"), "--dry-run=client", keys=author.key("a.key"))
    assert ran == Ran(0, "pod/web created (dry run)\n", "")
    assert author.retained() == []


def test_a_key_with_a_passphrase_signs_with_it_alone(author: Author) -> None:
    secret = author.folder / "pass"
    secret.write_text("correct horse\n")
    key = str(author.folder / "a.key")
    assert author.run("sign", "init-key", key, "--passphrase-file", str(secret)).out.endswith("\n")
    assert author.run("sign", "public", key).code == 1
    assert author.run("sign", "public", key, "--passphrase-file", str(secret)).out.startswith("-----BEGIN PUBLIC KEY")
    words = ("apply", "-f", author.manifest("web"))
    assert author.signed(*words, keys=key).code == 1
    assert author.signed(*words, "--sign-passphrase-file", str(secret), keys=key).code == 0


def test_a_new_epoch_begins_where_the_count_was_lost(author: Author) -> None:
    key = author.key("a.key")
    author.signed("apply", "-f", author.manifest("web"), "--epoch", "3", keys=key)
    assert author.signed("sign", "index", keys=key).out.startswith("index 3.2 ")
    assert author.signed("sign", "index", "--epoch", "2", keys=key).code == 1
    assert author.signed("sign", "index", "--epoch", "4", keys=key).out.startswith("index 4.1 ")


def test_a_key_is_for_its_owner_and_never_written_over(author: Author) -> None:
    path = Path(author.key("a.key"))
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    ran = author.run("sign", "init-key", str(path))
    assert ran.code == 1
    assert "is there already" in ran.err


@pytest.mark.parametrize(
    ("argv", "words"),
    [
        (["sign"], "sign needs a command"),
        (["sign", "index"], "--node is missing"),
        (["sign", "roll-key", "--node", "a/b"], "--new-key"),
        (["sign", "public", "/no/such.key"], "No such file"),
        (["apply", "-f", "x", "--sign", "k"], "--sign goes with --node and --broker"),
    ],
)
def test_a_wrong_way_to_sign_is_told(capsys: pytest.CaptureFixture[str], argv: list[str], words: str) -> None:
    assert main.run(argv) == 1
    assert words in capsys.readouterr().err


def test_an_index_that_cannot_be_kept_is_told_before_anything_is_sent(author: Author) -> None:
    (author.folder / "file").write_text("")
    key = author.key("b.key")
    ran = author.signed("apply", "-f", author.manifest("web"), keys=key, file="file/index.json")
    assert (ran.code, ran.out) == (1, "")
    assert str(author.folder / "file" / "index.json") in ran.err
    assert author.retained() == []


@pytest.mark.parametrize(
    ("flags", "said"),
    [
        (("--expires", "99999999999h"), "--expires 99999999999h ends after the last year"),
        (("--expires", "99999999h"), "--expires 99999999h ends after the last year"),
        (("--sign-passphrase-file", "/none/there"), "cannot read the passphrase in /none/there: No such file"),
        (("--username", "u", "--password-file", "/none/there"), "cannot read the password in /none/there: No such"),
    ],
)
def test_what_cannot_be_used_is_named(author: Author, flags: tuple[str, ...], said: str) -> None:
    ran = author.signed("apply", "-f", author.manifest("web"), *flags, keys=author.key("b.key"))
    assert ran.code == 1
    assert said in ran.err


def test_an_empty_passphrase_file_makes_no_key_that_lies_in_clear(author: Author) -> None:
    (author.folder / "empty").write_text("\n")
    ran = author.run(
        "sign", "init-key", str(author.folder / "c.key"), "--passphrase-file", str(author.folder / "empty")
    )
    assert (ran.code, "empty has no passphrase in it" in ran.err) == (1, True)
    assert not (author.folder / "c.key").exists()
