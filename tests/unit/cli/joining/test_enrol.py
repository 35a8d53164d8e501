"""From a join line to files in place: whole or not at all, whenever the power goes."""

from __future__ import annotations

import itertools
import json
import os
import tomllib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from edgelet.adapters.identity import revoked_file
from edgelet.adapters.x509 import certificates, keys
from edgelet.api import enrolment
from edgelet.api.enrolment import Reply, Request
from edgelet.api.enrolment_topics import Origin
from edgelet.api.errors import ConflictError, StorageError
from edgelet.ca import creation, join_lines, registrar_identity
from edgelet.ca.authority import Authority
from edgelet.ca.registrar import Policy, Registrar
from edgelet.cli import main
from edgelet.cli.failure import CliError
from edgelet.cli.joining import board_files, enrol, line_source, one_at_a_time, question
from edgelet.cli.joining.board_files import BoardFiles

NODE = "default/pi-01"
SETTINGS = '# the board in the shed\n[node]\nlabels = { place = "shed" }\n\n[mqtt]\nkeepalive_s = 60\n'
BOOT = Origin("t", "r", "")


class Killed(BaseException):
    """The power went."""


@dataclass
class Fleet:
    """An authority and its registrar, without a broker."""

    authority: Authority
    registrar: Registrar
    change: Callable[[Reply], Reply] = lambda reply: reply

    def line(self, node: str = NODE) -> str:
        where = {"broker": "mqtts://b:8884", "link": "mqtts://b:8883", "prefix": "edgelet/v1"}
        return join_lines.create(self.authority, where, node=node, ttl_s=1800, any_ttl=False)

    def answer(self, request: Request) -> Reply:
        payload = self.registrar.answer(BOOT, enrolment.encode_request(request))
        assert payload is not None
        return self.change(enrolment.decode_reply(payload))

    def issued(self) -> int:
        return len(self.authority.records(role="node"))


@pytest.fixture
def fleet(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Fleet]:
    with creation.create(tmp_path / "ca") as authority:
        own = registrar_identity.ensure(authority, "r1")
        ticks = itertools.count(0.0, 10.0)
        registrar = Registrar(authority, signer=lambda: own, policy=Policy(), monotonic_s=lambda: next(ticks))
        made = Fleet(authority, registrar)

        def ask(self: question.Question, *, within_s: float) -> Reply:
            reply = made.answer(self.request)
            if not self.believed(reply):
                raise CliError(f"no answer within {within_s} s")
            return reply

        monkeypatch.setattr(question.Question, "ask", ask)
        yield made


def board(tmp_path: Path) -> BoardFiles:
    (tmp_path / "etc").mkdir()
    (tmp_path / "etc" / "edgelet.toml").write_text(SETTINGS)
    return BoardFiles(tmp_path / "etc" / "pki", tmp_path / "etc" / "edgelet.toml")


def join(text: str, files: BoardFiles, *, force: bool = False) -> str:
    return enrol.join(line_source.of_argument(text), files, within_s=1, force=force, say=lambda _: None)


def settings(files: BoardFiles) -> dict[str, Any]:
    return tomllib.loads(files.settings.read_text())


def check_pair(files: BoardFiles) -> str:
    """The pair in place belongs together; returns its serial."""
    leaf = certificates.read((files.directory / "node.crt").read_bytes())[0]
    assert leaf.key_digest == keys.digest(keys.load(files.directory / "node.key").public_key())
    return leaf.serial


def test_a_board_has_everything_it_needs_and_its_settings_keep_the_rest(fleet: Fleet, tmp_path: Path) -> None:
    files = board(tmp_path)
    assert "default/pi-01 now" in join(fleet.line(), files)
    check_pair(files)
    assert (files.directory / "node.key").stat().st_mode & 0o777 == 0o600
    assert (files.directory / "join-password").stat().st_mode & 0o777 == 0o600
    assert (files.directory / "ca.crt").read_bytes() == fleet.authority.bundle()
    revoked = revoked_file.read(files.directory / "ca.crt.revoked")
    assert not revoked.lost
    assert len(revoked.known.lists) == 2  # the root's and the issuing one's
    found = settings(files)
    assert found["node"] == {"labels": {"place": "shed"}, "tenant": "default", "name": "pi-01"}
    assert found["mqtt"]["url"] == "mqtts://b:8883"
    assert found["mqtt"]["keepalive_s"] == 60
    assert found["mqtt"]["client_key"] == str(files.directory / "node.key")
    assert found["identity"]["join_url"] == "mqtts://b:8884"
    assert files.settings.read_text().startswith("# the board in the shed\n")
    assert sorted(path.name for path in files.directory.iterdir()) == [
        *("ca.crt", "ca.crt.revoked", "join-password", "joined", "node.crt", "node.key")
    ]


def test_joining_again_with_the_same_line_does_nothing(fleet: Fleet, tmp_path: Path) -> None:
    files, text = board(tmp_path), fleet.line()
    join(text, files)
    serial = check_pair(files)
    assert "already" in join(text, files)
    assert check_pair(files) == serial
    assert fleet.issued() == 1


def test_a_new_line_gives_a_new_key(fleet: Fleet, tmp_path: Path) -> None:
    files = board(tmp_path)
    join(fleet.line(), files)
    before = check_pair(files)
    join(fleet.line(), files)
    assert check_pair(files) != before


def test_a_renewal_that_was_under_way_does_not_undo_it(fleet: Fleet, tmp_path: Path) -> None:
    """The agent leads both paths through links to a directory of a pair, and stages the next one beside."""
    files = board(tmp_path)
    join(fleet.line(), files)
    before = check_pair(files)
    for name in ("current", "new"):
        (files.directory / "pairs" / name).mkdir(parents=True)
        for part in ("node.crt", "node.key"):
            data = (files.directory / part).read_bytes()
            (files.directory / "pairs" / name / part).write_bytes(data)
    for part in ("node.crt", "node.key"):
        (files.directory / part).unlink()
        (files.directory / part).symlink_to(f"pairs/current/{part}")
    join(fleet.line(), files)
    assert check_pair(files) != before
    assert not (files.directory / "node.crt").is_symlink()
    assert not (files.directory / "pairs/new").exists()


def test_another_name_has_to_be_meant(fleet: Fleet, tmp_path: Path) -> None:
    files = board(tmp_path)
    join(fleet.line(), files)
    other = fleet.line("default/pi-02")
    with pytest.raises(ConflictError, match="this board is default/pi-01; --force"):
        join(other, files)
    join(other, files, force=True)
    assert settings(files)["node"]["name"] == "pi-02"


def crash_points(monkeypatch: pytest.MonkeyPatch, at: int) -> list[int]:
    """Have the power go just before the step `at` of what is written; returns the count of steps, in a list."""
    count = [0]

    def counted(call: Callable[..., Any]) -> Callable[..., Any]:
        def step(*arguments: Any, **options: Any) -> Any:
            count[0] += 1
            if count[0] == at:
                raise Killed
            return call(*arguments, **options)

        return step

    for owner, name in (
        (Path, "rename"),
        (Path, "replace"),
        (Path, "mkdir"),
        (Path, "unlink"),
        (os, "fsync"),
        (os, "rmdir"),  # what rmtree ends with
        (Fleet, "answer"),
    ):
        monkeypatch.setattr(owner, name, counted(getattr(owner, name)))
    return count


def test_whenever_it_is_killed_running_it_again_makes_it_whole(fleet: Fleet, tmp_path: Path) -> None:
    """First joining, and joining anew over a pair that is in use."""
    steps = 0
    for at in itertools.count(1):
        place = tmp_path / str(at)
        place.mkdir()
        files = board(place)
        if at % 2:
            join(fleet.line(), files)
        issued, old = fleet.issued(), files.settings.read_bytes()
        text = fleet.line()
        with pytest.MonkeyPatch.context() as patch:
            crash_points(patch, at)
            try:
                join(text, files)
                done = True
            except Killed:
                done = False
        if files.settings.read_bytes() != old:
            check_pair(files)  # settings never name what is not there
        assert "pi-01" in join(text, files)
        check_pair(files)
        assert settings(files)["mqtt"]["client_cert"] == str(files.directory / "node.crt")
        assert fleet.issued() == issued + 1, "the key that asked first is the key that is used"
        assert not list(files.directory.glob(".join*/*"))
        steps = at
        if done:
            break
    assert steps > 30


def test_a_forged_reply_is_not_taken(fleet: Fleet, tmp_path: Path) -> None:
    files, text = board(tmp_path), fleet.line()
    stranger = enrolment.token_keys(b"x" * 32)
    changes: tuple[Callable[[Reply], Reply], ...] = (
        lambda reply: replace(reply, mac=""),
        lambda reply: replace(reply, mac="0" * 64),
        lambda reply: replace(reply, ca=reply.ca * 2),
        lambda reply: reply.maced(stranger),
        lambda reply: Reply(nonce=reply.nonce, code=403, time=1, reason="Forbidden", message="go away"),
        lambda reply: replace(reply, code=409, mac=""),
    )
    for change in changes:
        fleet.change = change
        with pytest.raises(CliError, match="no answer"):
            join(text, files)
    assert files.settings.read_text() == SETTINGS
    fleet.change = lambda reply: reply
    join(text, files)


def test_a_certificate_for_another_name_is_not_taken_even_from_who_knows_the_secret(
    fleet: Fleet, tmp_path: Path
) -> None:
    files, text = board(tmp_path), fleet.line()
    token_keys = enrolment.token_keys(line_source.of_argument(text).secret)
    other = board_of(tmp_path, fleet)
    fleet.change = lambda reply: replace(reply, certificate=other).maced(token_keys)
    with pytest.raises(CliError, match="another name or another key"):
        join(text, files)


def board_of(tmp_path: Path, fleet: Fleet) -> str:
    """The certificate of another board."""
    (tmp_path / "other").mkdir()
    files = board(tmp_path / "other")
    join(fleet.line("default/pi-02"), files)
    return (files.directory / "node.crt").read_text()


@pytest.mark.parametrize(
    ("prepare", "code", "words"),
    [
        ("used", 2, r"409 Conflict.*one board and one key.*edgelet token create"),
        ("deleted", 2, r"403 Forbidden.*not known"),
        ("broken", 1, r"503"),
    ],
)
def test_refusals_say_what_to_do_and_no_secret(
    fleet: Fleet, tmp_path: Path, prepare: str, code: int, words: str
) -> None:
    files, text = board(tmp_path), fleet.line()
    line = line_source.of_argument(text)
    if prepare == "used":
        (tmp_path / "thief").mkdir()
        join(text, board(tmp_path / "thief"))
    elif prepare == "deleted":
        with fleet.authority.database.transaction() as connection:
            connection.execute("DELETE FROM tokens")
    else:
        fleet.authority.database.close()
    with pytest.raises(CliError, match=words) as refused:
        join(text, files)
    assert refused.value.exit_code == code
    assert line.secret.hex() not in str(refused.value)
    assert line.password not in str(refused.value)
    assert text not in str(refused.value)
    assert files.settings.read_text() == SETTINGS


def test_settings_that_cannot_be_changed_are_told_before_the_token_is_used(fleet: Fleet, tmp_path: Path) -> None:
    files = board(tmp_path)
    files.settings.write_text('mqtt.url = "mqtt://old"\n')
    with pytest.raises(ConflictError, match="set by hand"):
        join(fleet.line(), files)
    assert fleet.issued() == 0


def test_a_directory_that_cannot_be_made_is_told(fleet: Fleet, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    files = BoardFiles(tmp_path / "file" / "pki", tmp_path / "edgelet.toml")
    with pytest.raises(StorageError, match="cannot make"):
        join(fleet.line(), files)


def test_two_do_not_join_in_one_directory_at_once(tmp_path: Path) -> None:
    with (
        one_at_a_time.hold(tmp_path / "pki"),
        pytest.raises(CliError, match="another `edgelet join`"),
        one_at_a_time.hold(tmp_path / "pki"),
    ):
        pass
    with one_at_a_time.hold(tmp_path / "pki"):
        pass


def test_the_file_of_a_line_is_read_past_comments_and_removed(tmp_path: Path, fleet: Fleet) -> None:
    path = tmp_path / "edgelet-join"
    text = fleet.line()
    path.write_text(f"# for the shed\n{text[:100]}\n{text[100:]}\n")
    assert line_source.first(["/nonexistent", str(path)]) == path
    assert line_source.of_file(path) == line_source.of_argument(text)
    assert "is removed" in line_source.blank(path)
    assert not path.exists()
    assert "remove" in line_source.blank(path)


def test_a_join_that_the_power_cut_off_is_finished_at_the_next_boot_without_its_line(
    fleet: Fleet, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    files = board(tmp_path)
    words = ["join", "--file", str(tmp_path / "none"), "--no-start", "--pki", str(files.directory)]
    words += ["--config", str(files.settings)]
    assert main.run(words) == 0
    assert "nothing to do" in capsys.readouterr().out
    assert not files.directory.exists()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(BoardFiles, "finish", lambda _self: None)
        join(fleet.line(), files)
    assert files.settings.read_text() == SETTINGS
    assert main.run(words) == 0
    assert f"the join as {NODE} that was interrupted is finished" in capsys.readouterr().out
    check_pair(files)
    assert main.run(words) == 0
    assert "nothing to do" in capsys.readouterr().out


def test_what_was_kept_for_the_last_step_is_what_is_put_in_place(fleet: Fleet, tmp_path: Path) -> None:
    """Another line after a join that was cut off: the first is finished, then the second is joined."""
    files, first = board(tmp_path), fleet.line()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(BoardFiles, "finish", lambda _self: None)
        join(first, files)
    ready = json.loads((files.directory / ".join-ready" / "settings.json").read_text())
    assert ready["node"]["name"] == "pi-01"
    join(fleet.line(), files)
    assert fleet.issued() == 2
    check_pair(files)
    assert board_files.KEY == "node.key"
