from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgelet.cli.failure import UsageError
from edgelet.cli.flags import Flag, parse

FLAGS = (
    Flag("namespace", "", short="n", value="NAME", default="default"),
    Flag("output", "", short="o", value="FORMAT"),
    Flag("stdin", "", short="i"),
    Flag("tty", "", short="t"),
    Flag("wait", "", value="BOOL", default="true", implied="true"),
    Flag("grace-period", "", value="SECONDS", default="-1"),
    Flag("timeout", "", value="DURATION", default="0s"),
    Flag("filename", "", short="f", value="PATH", repeated=True),
)


@pytest.mark.parametrize(
    "argv",
    [
        ["-n", "shop", "pods"],
        ["pods", "-n", "shop"],
        ["pods", "-nshop"],
        ["pods", "-n=shop"],
        ["--namespace=shop", "pods"],
        ["pods", "--namespace", "shop"],
    ],
)
def test_a_value_may_stand_in_every_spelling_and_place(argv: list[str]) -> None:
    parsed = parse(argv, FLAGS)
    assert parsed.text("namespace") == "shop"
    assert parsed.arguments == ("pods",)


def test_switches_may_stand_together() -> None:
    parsed = parse(["-it", "web", "--", "sh", "-n", "x"], FLAGS)
    assert parsed.switch("stdin")
    assert parsed.switch("tty")
    assert parsed.arguments == ("web",)
    assert parsed.dashed == ("sh", "-n", "x")
    assert parsed.text("namespace") == "default"


def test_a_switch_before_a_value_takes_the_rest_for_the_value() -> None:
    assert parse(["-ioyaml"], FLAGS).text("output") == "yaml"


@pytest.mark.parametrize(("word", "expected"), [("--wait", True), ("--wait=false", False), ("--wait=t", True)])
def test_a_flag_with_an_implied_value_takes_one_by_equals_sign_only(word: str, *, expected: bool) -> None:
    parsed = parse([word, "web"], FLAGS)
    assert parsed.switch("wait") is expected
    assert parsed.arguments == ("web",)


def test_a_value_may_begin_with_a_dash() -> None:
    assert parse(["--grace-period", "-1"], FLAGS).integer("grace-period") == -1
    assert parse(["-f", "-"], FLAGS).texts("filename") == ("-",)


def test_repeated_flags_add_up() -> None:
    assert parse(["-f", "a,b", "--filename=c"], FLAGS).texts("filename") == ("a", "b", "c")


def test_the_last_value_wins() -> None:
    assert parse(["-n", "a", "-n", "b"], FLAGS).text("namespace") == "b"


@pytest.mark.parametrize(
    ("argv", "message"),
    [
        (["--foo"], "unknown flag: --foo"),
        (["-x"], "unknown shorthand flag: 'x' in -x"),
        (["-ix"], "unknown shorthand flag: 'x' in -ix"),
        (["--namespace"], "flag needs an argument: --namespace"),
        (["-n"], "flag needs an argument: 'n' in -n"),
    ],
)
def test_a_wrong_flag_is_told_as_kubectl_tells_it(argv: list[str], message: str) -> None:
    with pytest.raises(UsageError) as failure:
        parse(argv, FLAGS)
    assert failure.value.message == message


def test_a_wrong_value_is_told_as_kubectl_tells_it() -> None:
    with pytest.raises(UsageError, match=r'invalid argument "x" for "--grace-period" flag: strconv.ParseInt'):
        parse(["--grace-period=x"], FLAGS).integer("grace-period")
    with pytest.raises(UsageError, match=r'invalid argument "maybe" for "--wait" flag: strconv.ParseBool'):
        parse(["--wait=maybe"], FLAGS).switch("wait")
    with pytest.raises(UsageError, match='missing unit in duration "5"'):
        parse(["--timeout=5"], FLAGS).duration_s("timeout")


@given(st.lists(st.text(alphabet="-abfinot=,/ x", max_size=8), max_size=8))
def test_any_words_are_taken_apart_or_refused(argv: list[str]) -> None:
    try:
        parsed = parse(argv, FLAGS)
    except UsageError:
        return
    assert set(parsed.values) <= {flag.name for flag in FLAGS}
    assert ("--" in argv) >= (parsed.dashed is not None)
