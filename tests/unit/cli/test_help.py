from __future__ import annotations

import ast
import sys
from pathlib import Path

import pytest

from edgelet.cli import help_text, main
from edgelet.cli.verb import GLOBAL_FLAGS

VERBS = Path(main.__file__).parent / "verbs"


def test_every_verb_is_listed_and_every_listed_one_is_there() -> None:
    names = {path.stem.replace("_", "-") for path in VERBS.glob("[!_]*.py")}
    assert names == set(main.SUMMARIES)


@pytest.mark.parametrize("name", sorted(main.SUMMARIES))
def test_the_help_of_a_verb_is_whole(name: str) -> None:
    verb, module = main.load(name)
    text = help_text.of(name, verb, columns=100)
    assert text.startswith(f"Usage: edgelet {verb.usage}\n")
    assert "Examples:\n    edgelet" in text or "Examples:\n    cat" in text
    for flag in (*verb.flags, *GLOBAL_FLAGS):
        assert f"--{flag.name}" in text, flag
    assert callable(module.run)
    names = [flag.name for flag in (*verb.flags, *GLOBAL_FLAGS)]
    shorts = [flag.short for flag in (*verb.flags, *GLOBAL_FLAGS) if flag.short]
    assert len(set(names)) == len(names)
    assert len(set(shorts)) == len(shorts)


@pytest.mark.parametrize("name", sorted(main.SUMMARIES))
def test_a_verb_only_asks_for_flags_that_it_declares(name: str) -> None:
    verb, module = main.load(name)
    declared = {flag.name for flag in (*verb.flags, *GLOBAL_FLAGS)}
    tree = ast.parse(Path(str(module.__file__)).read_text())
    asked = {
        call.args[0].value
        for call in ast.walk(tree)
        if isinstance(call, ast.Call)
        and isinstance(call.func, ast.Attribute)
        and isinstance(call.func.value, ast.Attribute)
        and call.func.value.attr == "parsed"
        and call.args
        and isinstance(call.args[0], ast.Constant)
    }
    assert asked <= declared


def test_the_main_help_lists_all_verbs_without_typer(capsys: pytest.CaptureFixture[str]) -> None:
    for argv in (["--help"], ["-h"], ["help"], []):
        assert main.run(argv) == 0
        text = capsys.readouterr().out
        for name, summary in main.SUMMARIES.items():
            assert f"  {name} " in text
            assert summary in text


@pytest.mark.parametrize("argv", [["help", "get"], ["get", "--help"], ["-n", "x", "get", "-h"]])
def test_help_is_found_in_every_spelling(argv: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main.run(argv) == 0
    assert capsys.readouterr().out.startswith("Usage: edgelet get ")


def test_help_after_dashes_belongs_to_the_command(capsys: pytest.CaptureFixture[str]) -> None:
    assert main.run(["exec", "web", "--socket=/tmp/none", "--", "ls", "--help"]) == 1
    assert "cannot reach the agent" in capsys.readouterr().err


@pytest.mark.parametrize("argv", [["frobnicate"], ["help", "frobnicate"], ["--socket", "x", "frobnicate"]])
def test_an_unknown_verb_is_told(argv: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main.run(argv) == 1
    assert capsys.readouterr().err == (
        'error: unknown command "frobnicate" for "edgelet"\nSee \'edgelet --help\' for usage.\n'
    )


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion_prints_a_script(
    shell: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(main.COMPLETE, "")
    monkeypatch.delenv(main.COMPLETE)
    assert main.run(["completion", shell]) == 0
    assert "_EDGELET_COMPLETE" in capsys.readouterr().out
    monkeypatch.delenv(main.COMPLETE, raising=False)
    assert main.run(["completion", "tcsh"]) == 1


def test_completion_offers_verbs_and_flags(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "argv", ["edgelet"])
    monkeypatch.setenv(main.COMPLETE, "complete_bash")
    monkeypatch.setenv("COMP_WORDS", "edgelet de")
    monkeypatch.setenv("COMP_CWORD", "1")
    assert main.run([]) == 0
    assert capsys.readouterr().out.split() == ["describe", "delete"]
    monkeypatch.setenv("COMP_WORDS", "edgelet get --sh")
    monkeypatch.setenv("COMP_CWORD", "2")
    assert main.run([]) == 0
    assert capsys.readouterr().out.split() == ["--show-labels", "--show-kind"]
