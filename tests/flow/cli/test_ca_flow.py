"""`edgelet ca` as a person types it; the authority is real."""

from __future__ import annotations

import json
import stat
from collections.abc import Callable, Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
import yaml

from edgelet.adapters.x509 import certificates, keys, requests
from edgelet.ca import approvals
from edgelet.ca.authority import Authority
from edgelet.cli import main
from tests.flow.cli.conftest import Ran

Edgelet = Callable[..., Ran]


@pytest.fixture
def place() -> Iterator[Path]:
    memory = Path("/dev/shm")
    with TemporaryDirectory(prefix="el-", dir=memory if memory.is_dir() else None) as made:
        yield Path(made)


@pytest.fixture
def edgelet(place: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Edgelet:
    monkeypatch.setenv("EDGELET_CA_DIR", str(place / "ca"))

    def run(*argv: str) -> Ran:
        code = main.run(argv)
        out, err = capsys.readouterr()
        return Ran(code, out, err)

    return run


@pytest.fixture
def authority(place: Path, edgelet: Edgelet) -> Path:
    assert edgelet("ca", "init").code == 0
    return place / "ca"


def test_init_makes_one_and_refuses_to_make_it_twice(authority: Path, edgelet: Edgelet) -> None:
    before = (authority / "root.key").read_bytes()
    again = edgelet("ca", "init")
    assert (again.code, again.out) == (1, "")
    assert again.err == f"error: {authority} is there and not empty: nothing was changed\n"
    assert (authority / "root.key").read_bytes() == before


def test_init_with_a_passphrase(place: Path, edgelet: Edgelet) -> None:
    (place / "pass").write_text("a long secret\nnot this\n")
    (place / "none").write_text("\n")
    for wrong, said in (("none", "no passphrase"), ("away", "cannot read"), ("pkcs11:token=x", "not supported")):
        ran = edgelet("ca", "init", "--passphrase-file", wrong if ":" in wrong else str(place / wrong))
        assert ran.code == 1
        assert said in ran.err
    assert not (place / "ca").exists()
    assert edgelet("ca", "init", "--passphrase-file", str(place / "pass"), "--days", "30").code == 0
    ran = edgelet("ca", "issue", "acme/pi", "--out", str(place / "pi"))
    assert ran.code == 1
    assert "it is encrypted, give its passphrase (--passphrase-file)" in ran.err
    key = (place / "pi" / "node.key").read_bytes()
    ran = edgelet("ca", "issue", "acme/pi", "--out", str(place / "pi"), "--passphrase-file", str(place / "pass"))
    assert ran.code == 0
    assert (place / "pi" / "node.key").read_bytes() == key  # what was left is used
    with Authority.open(place / "ca") as opened:
        (record,) = opened.named("acme/pi")
    assert (record.not_after - record.issued_at).days == 30
    assert edgelet("ca", "list").out.splitlines()[1].split()[:2] == ["acme/pi", "node"]  # reading needs no passphrase


@pytest.mark.parametrize("argv", [("list",), ("show", "x"), ("crl",), ("issue", "a/b", "--out", "x")])
def test_without_an_authority_it_says_how_to_make_one(edgelet: Edgelet, place: Path, argv: tuple[str, ...]) -> None:
    ran = edgelet("ca", *argv)
    assert ran.code == 1
    assert "there is no certificate authority; see edgelet ca init" in ran.err
    assert list(place.iterdir()) == []


@pytest.mark.parametrize(
    ("name", "role"), [("acme/pi", "node"), ("acme/_c", "controller"), ("_registrar/r", "registrar")]
)
def test_issue_writes_a_pair_and_what_to_trust(
    authority: Path, edgelet: Edgelet, place: Path, name: str, role: str
) -> None:
    out = place / "out"
    ran = edgelet("ca", "issue", name, "--out", str(out), "--days", "7")
    assert ran.code == 0, ran.err
    assert {path.name for path in out.iterdir()} == {f"{role}.crt", f"{role}.key", "ca.crt"}
    assert stat.S_IMODE((out / f"{role}.key").stat().st_mode) == 0o600
    leaf, issuing = certificates.read((out / f"{role}.crt").read_bytes())
    assert leaf.common_name == name
    assert leaf.key_digest == keys.digest(keys.load(out / f"{role}.key").public_key())
    assert issuing in certificates.read((out / "ca.crt").read_bytes())
    shown = json.loads(edgelet("ca", "show", name, "-o", "json").out)
    assert shown["spec"]["role"] == role
    again = edgelet("ca", "issue", name, "--out", str(out))
    assert (again.code, again.err) == (1, f"error: {out}/{role}.crt is there already: nothing was issued\n")
    assert len(json.loads(edgelet("ca", "list", "-o", "json").out)["items"]) == 1
    assert (authority / "ca.crt").read_bytes() == (out / "ca.crt").read_bytes()


@pytest.mark.usefixtures("authority")
def test_issue_signs_a_request_that_was_made_elsewhere(edgelet: Edgelet, place: Path) -> None:
    (place / "csr").write_bytes(requests.make(keys.generate(), "acme/pi"))
    ran = edgelet("ca", "issue", "acme/pi", "--csr", str(place / "csr"), "--out", str(place / "out"))
    assert ran.code == 0
    assert {path.name for path in (place / "out").iterdir()} == {"node.crt", "ca.crt"}
    ran = edgelet("ca", "issue", "acme/pj", "--csr", str(place / "csr"), "--out", str(place / "other"))
    assert ran.code == 1
    assert "asks for another name: acme/pi" in ran.err
    last = json.loads(edgelet("ca", "list", "log", "-o", "json").out)["items"][-1]["spec"]
    assert (last["action"], last["subject"], last["outcome"]) == ("issue", "acme/pj", "Invalid")


def test_a_bad_name_is_refused_before_anything_is_made(authority: Path, edgelet: Edgelet, place: Path) -> None:
    ran = edgelet("ca", "issue", "acme/+", "--out", str(place / "out"))
    assert ran.code == 1
    assert 'Identity "acme/+" is invalid: commonName: a lowercase RFC 1123 label' in ran.err
    assert not (place / "out").exists()
    assert authority.exists()


def test_broker_cert_has_its_hosts(authority: Path, edgelet: Edgelet, place: Path) -> None:
    assert edgelet("ca", "broker-cert", "mqtt.example.com", "10.0.0.5", "--out", str(place / "out")).code == 0
    leaf, *_ = certificates.read((place / "out" / "server.crt").read_bytes())
    assert leaf.hosts == ("mqtt.example.com", "10.0.0.5")
    assert (place / "out" / "crl.pem").read_bytes() == (authority / "crl.pem").read_bytes()
    assert "at least one HOST" in edgelet("ca", "broker-cert", "--out", str(place / "out")).err


def test_list_in_all_its_forms(authority: Path, edgelet: Edgelet, place: Path) -> None:
    assert edgelet("ca", "list").out == "No certificates found.\n"
    assert edgelet("ca", "list", "requests").out == "No requests found.\n"
    edgelet("ca", "issue", "acme/pi", "--out", str(place / "out"))
    header, row = edgelet("ca", "list").out.splitlines()
    assert header.split() == ["NAME", "ROLE", "SERIAL", "STATE", "ENDS", "REASON"]
    assert row.split() == ["acme/pi", "node", row.split()[2], "Valid", "59d", "by", "hand"]
    assert "FULL SERIAL" in edgelet("ca", "list", "-o", "wide").out
    (item,) = yaml.safe_load(edgelet("ca", "list", "-o", "yaml").out)["items"]
    assert item["metadata"]["name"].startswith(row.split()[2])
    assert edgelet("ca", "list", "-o", "name").out == f"certificate/{item['metadata']['name']}\n"
    assert edgelet("ca", "list", "-o", "jsonpath={.items[*].spec.commonName}").out == "acme/pi"
    stems = [line.split()[0] for line in edgelet("ca", "list", "issuers").out.splitlines()[1:]]
    assert stems == ["root", "issuing"]
    assert [line.split()[2] for line in edgelet("ca", "list", "log").out.splitlines()[1:]] == ["init", "init", "issue"]
    assert edgelet("ca", "list", "nothing").code == 1
    assert authority.exists()


def test_requests_are_approved_and_denied(authority: Path, edgelet: Edgelet) -> None:
    with Authority.open(authority) as opened:
        first, second = (
            approvals.ask(opened, requests.make(keys.generate(), name), name, kind="join", origin="token 7").id
            for name in ("acme/a", "acme/b")
        )
    assert len(edgelet("ca", "list", "requests").out.splitlines()) == 3
    assert edgelet("ca", "approve", first).out.startswith(f"request/{first} approved: acme/a, serial ")
    assert edgelet("ca", "deny", second, "--message", "no").out == f"request/{second} denied: acme/b\n"
    assert edgelet("ca", "list", "requests").out == "No requests found.\n"
    states = [line.split()[3] for line in edgelet("ca", "list", "requests", "--all").out.splitlines()[1:]]
    assert sorted(states) == ["Approved", "Denied"]
    ran = edgelet("ca", "approve", second)
    assert ran.code == 1
    assert "was denied by" in ran.err
    assert "needs the ID" in edgelet("ca", "deny").err


def test_revoke_by_name_and_the_broker_hears_of_it(authority: Path, edgelet: Edgelet, place: Path) -> None:
    brokers = str(place / "brokers")
    edgelet("ca", "issue", "acme/pi", "--out", str(place / "out"))
    made = edgelet("ca", "mosquitto", "mqtt.example.com", "--out", brokers, "--group", "")
    assert made.code == 0, made.err
    assert edgelet("ca", "mosquitto", "mqtt.example.com", "--out", brokers, "--group", "").out == (
        f"{brokers}: nothing to change\n"
    )
    ran = edgelet("ca", "revoke", "acme/pi", "--reason", "keyCompromise")
    assert "revoked: acme/pi (keyCompromise)" in ran.out
    again = edgelet("ca", "mosquitto", "mqtt.example.com", "--out", brokers, "--group", "")
    assert again.out == (
        f"{brokers}: crl.pem acl written\nReload: the broker for boards, systemctl reload edgelet-broker@mosquitto\n"
    )
    assert "user acme/pi\ntopic deny #\n" in (place / "brokers" / "acl").read_text()
    assert "Revoked" in edgelet("ca", "list").out
    assert "keyCompromise" in edgelet("ca", "show", "acme/pi").out
    assert edgelet("ca", "revoke", "acme/nobody").code == 1
    assert edgelet("ca", "revoke", "acme/pi", "--reason", "whim").code == 1
    assert authority.exists()


def test_mosquitto_writes_paths_of_the_broker(authority: Path, edgelet: Edgelet, place: Path) -> None:
    options = ("--at", "/etc/m", "--store", "/srv/m", "--port", "18883", "--join-port", "18884", "--bind", "10.0.0.9")
    ran = edgelet(
        "ca", "mosquitto", "b.example", "--out", str(place / "out"), "--group", "", *options, "--prefix", "x/y"
    )
    assert ran.code == 0, ran.err
    text = (place / "out" / "mosquitto.conf").read_text()
    for line in ("acl_file /etc/m/acl", "persistence_location /srv/m/", "listener 18883 10.0.0.9"):
        assert f"\n{line}\n" in text
    assert "address 10.0.0.9:18883" in (place / "out" / "join.conf").read_text()
    assert "pattern read x/y/%u/desired/#" in (place / "out" / "acl").read_text()
    leaf, *_ = certificates.read((place / "out" / "server.crt").read_bytes())
    assert set(leaf.hosts) == {"b.example", "10.0.0.9", "localhost", "127.0.0.1"}
    assert edgelet("ca", "mosquitto", "b", "--out", str(place / "o"), "--port", "0").code == 1
    assert "needs --out DIR" in edgelet("ca", "mosquitto", "b").err
    assert authority.exists()


def test_roll_goes_in_three_steps(authority: Path, edgelet: Edgelet) -> None:
    assert "a root comes into use with an issuing" in edgelet("ca", "roll", "root", "--use").err
    assert "begin with edgelet ca roll issuing" in edgelet("ca", "roll", "issuing", "--use").err
    assert edgelet("ca", "roll", "root").out.startswith("root-2 made: ")
    assert edgelet("ca", "roll", "issuing").out.startswith("issuing-2 made: ")
    assert edgelet("ca", "roll", "issuing", "--use").out.startswith("issuing-2 is in use from now on.\n")
    assert edgelet("ca", "roll", "root", "--drop").code == 1
    assert edgelet("ca", "roll", "issuing", "--drop").out.startswith("issuing dropped: ")
    assert edgelet("ca", "roll", "root", "--drop").out.startswith("root dropped: ")
    rows = [line.split()[:3] for line in edgelet("ca", "list", "issuers").out.splitlines()[1:]]
    assert rows == [["root-2", "root", "current"], ["issuing-2", "issuing", "current"]]
    assert len(certificates.read((authority / "ca.crt").read_bytes())) == 2


def test_crl_is_told_with_its_end(authority: Path, edgelet: Edgelet) -> None:
    before = (authority / "crl.pem").read_bytes()
    ran = edgelet("ca", "crl")
    assert ran.code == 0
    assert ran.out.splitlines()[0].startswith("issuing: good until ")
    assert (authority / "crl.pem").read_bytes() == before
    assert edgelet("ca", "crl", "--force").code == 0
    assert (authority / "crl.pem").read_bytes() != before


@pytest.mark.usefixtures("authority")
@pytest.mark.parametrize(
    "argv", [(), ("frobnicate",), ("issue",), ("issue", "a/b", "c/d"), ("crl", "x"), ("roll", "x")]
)
def test_wrong_words_are_told(edgelet: Edgelet, argv: tuple[str, ...]) -> None:
    ran = edgelet("ca", *argv)
    assert ran.code == 1
    assert ran.err.startswith("error: ")
    assert "See 'edgelet ca --help' for usage." in ran.err


@pytest.mark.usefixtures("authority")
@pytest.mark.parametrize(
    ("argv", "said"),
    [
        (f"init --dir /none --name {'x' * 51}", "--name must have at most 50 characters, this has 51"),
        ("issue a/b --out o --days 0", "--days must be in 1..36500"),
        ("issue a/b --out o --days 999999999", "--days must be in 1..36500"),
        ("broker-cert h --out o --days 9223372036854775807", "--days must be in 1..36500"),
        ("mosquitto h --out o --group= --prefix a/#", "--prefix 'a/#' is no topic prefix"),
        ("serve --broker mqtts://127.0.0.1:1 --prefix a/#", "--prefix 'a/#' is no topic prefix"),
        ("serve --broker mqtts://127.0.0.1:1 --renew-grace 99999999999h", "below 0, or too long"),
    ],
)
def test_a_value_that_cannot_be_used_is_told_with_its_flag(edgelet: Edgelet, place: Path, argv: str, said: str) -> None:
    words = [str(place / "out") if word == "o" else word for word in argv.split()]
    ran = edgelet("ca", *words)
    assert (ran.code, ran.out) == (1, "")
    assert said in ran.err
    assert not list((place / "out").glob("*.crt"))
    assert not (place / "out" / "acl").exists()


def test_more_days_than_the_issuer_has_end_with_it(authority: Path, edgelet: Edgelet, place: Path) -> None:
    assert edgelet("ca", "issue", "a/b", "--out", str(place / "out"), "--days", "36500").code == 0
    leaf, *_ = certificates.read((place / "out" / "node.crt").read_bytes())
    assert leaf.not_after == certificates.read((authority / "issuing.crt").read_bytes())[0].not_after


@pytest.mark.parametrize("argv", ["list", "crl", "issue a/b --out x", "roll issuing", "show x", "mosquitto h --out m"])
def test_an_empty_database_is_told_and_nothing_is_overwritten(authority: Path, edgelet: Edgelet, argv: str) -> None:
    for path in authority.glob("ca.db*"):
        path.unlink()
    (authority / "ca.db").touch()
    before = {one.name: one.read_bytes() for one in authority.iterdir()}
    ran = edgelet("ca", *argv.split())
    assert ran.code == 1
    assert "ca.db is empty or damaged: put the backup back" in ran.err
    assert {one.name: one.read_bytes() for one in authority.iterdir()} == before


def test_a_database_without_certificates_is_told_alike(authority: Path, edgelet: Edgelet) -> None:
    with Authority.open(authority) as opened, opened.database.transaction() as connection:
        connection.execute("DELETE FROM issuers")
    before = (authority / "ca.crt").read_bytes()
    for words in (("list",), ("crl",), ("roll", "issuing")):
        ran = edgelet("ca", *words)
        assert (ran.code, ran.out) == (1, "")
        assert f"cannot open {authority / 'ca.db'}: ca.db is empty or damaged: put the backup back" in ran.err
    assert (authority / "ca.crt").read_bytes() == before


@pytest.mark.parametrize("verb", ["show", "revoke", "approve", "deny"])
@pytest.mark.usefixtures("authority")
def test_a_word_that_is_no_text_names_nothing(edgelet: Edgelet, verb: str) -> None:
    ran = edgelet("ca", verb, "\udcff\udcfe")
    assert (ran.code, ran.out) == (1, "")
    assert ran.err == "error: '\\udcff\\udcfe' is no UTF-8 text, so nothing can be so called\n"


@pytest.mark.parametrize("content", [b"", b"half a key", None])
def test_serve_refuses_to_start_with_a_key_that_cannot_sign(
    authority: Path, edgelet: Edgelet, content: bytes | None
) -> None:
    path = authority / "issuing.key"
    path.unlink()
    if content is not None:
        path.write_bytes(content)
    ran = edgelet("ca", "serve", "--broker", "mqtt://127.0.0.1:1", "--name", "r1")
    assert ran.code == 1
    assert f"cannot sign with {path}" in ran.err
    assert "mqtt://127.0.0.1:1 has no TLS" in ran.err


def test_serve_refuses_to_start_without_the_right_passphrase(place: Path, edgelet: Edgelet) -> None:
    (place / "pass").write_text("right")
    (place / "other").write_text("wrong")
    assert edgelet("ca", "init", "--passphrase-file", str(place / "pass")).code == 0
    for given in ((), ("--passphrase-file", str(place / "other"))):
        ran = edgelet("ca", "serve", "--broker", "mqtts://127.0.0.1:1", "--name", "r1", *given)
        assert ran.code == 1
        assert f"cannot sign with {place / 'ca' / 'issuing.key'}" in ran.err
        assert "passphrase" in ran.err


@pytest.mark.usefixtures("authority")
def test_a_token_without_brokers_is_refused_by_the_nodes_name(edgelet: Edgelet) -> None:
    ran = edgelet("token", "create", "--node", "a/b")
    assert (ran.code, ran.out) == (1, "")
    assert ran.err == 'error: Token "a/b" is invalid: broker: give --broker mqtts://HOST:PORT, once: it is remembered\n'
    for path in ("/none/there", "/"):
        ran = edgelet("token", "create", "--node", "a/b", "--password-file", path)
        assert (ran.code, ran.out) == (1, "")
        assert f"cannot read the password in {path}: " in ran.err
