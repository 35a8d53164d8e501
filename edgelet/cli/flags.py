"""Flags as kubectl's library (pflag) reads them: any order, `-ojson`, `-o=json`, `-it`, `--wait=false`, `--`.

Flags are data, declared once by each verb: parsing them costs no import, and help is drawn from the same declaration.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from edgelet.cli import durations
from edgelet.cli.failure import UsageError

TRUE = frozenset({"1", "t", "T", "TRUE", "true", "True"})
FALSE = frozenset({"0", "f", "F", "FALSE", "false", "False"})


@dataclass(frozen=True, slots=True)
class Flag:
    """One option. With no `value` it is a switch."""

    name: str
    help: str
    short: str = ""
    value: str = ""  # the placeholder of its value in help: NAME, SECONDS
    default: str = ""
    implied: str = ""  # what the bare flag means where the value may be left out (only `=` gives one then)
    repeated: bool = False  # every use adds one value; commas separate several

    @property
    def is_switch(self) -> bool:
        """Whether the flag is true or false."""
        return not self.value

    @property
    def bare(self) -> str:
        """The value that the flag alone stands for; empty where it needs one."""
        return self.implied or ("true" if self.is_switch else "")


@dataclass(frozen=True, slots=True)
class Parsed:
    """A command line taken apart. `dashed` are the words after `--`; None where there was no `--`."""

    values: Mapping[str, tuple[str, ...]]  # only the flags that were given
    arguments: tuple[str, ...]
    dashed: tuple[str, ...] | None
    declared: Mapping[str, Flag]

    def given(self, name: str) -> bool:
        """Whether the flag stands on the command line."""
        return name in self.values

    def text(self, name: str) -> str:
        """The last value of the flag, or its default."""
        flag = self.declared[name]
        return self.values.get(name, (flag.default,))[-1]

    def texts(self, name: str) -> tuple[str, ...]:
        """All values of a repeated flag, commas taken apart."""
        return tuple(part for value in self.values.get(name, ()) for part in value.split(",") if part)

    def switch(self, name: str) -> bool:
        """The flag as a truth value."""
        text = self.text(name) or "false"
        if text not in TRUE | FALSE:
            raise UsageError(
                f'invalid argument "{text}" for "{spelling(self.declared[name])}" flag: '
                f'strconv.ParseBool: parsing "{text}": invalid syntax'
            )
        return text in TRUE

    def integer(self, name: str) -> int:
        """The flag as a whole number."""
        text = self.text(name)
        try:
            return int(text)
        except ValueError:
            raise UsageError(
                f'invalid argument "{text}" for "{spelling(self.declared[name])}" flag: '
                f'strconv.ParseInt: parsing "{text}": invalid syntax'
            ) from None

    def duration_s(self, name: str) -> float:
        """The flag as a Go duration (1h30m, 5s; a bare 0), in seconds."""
        text = self.text(name)
        try:
            return durations.parse_s(text)
        except ValueError as error:
            raise UsageError(f'invalid argument "{text}" for "{spelling(self.declared[name])}" flag: {error}') from None


def spelling(flag: Flag) -> str:
    """The flag as messages name it: `-n, --namespace`."""
    return f"-{flag.short}, --{flag.name}" if flag.short else f"--{flag.name}"


def parse(argv: Sequence[str], declared: Sequence[Flag]) -> Parsed:
    """Take a command line apart.

    Raises:
        UsageError: An unknown flag, or one without the value it needs.
    """
    by_name = {flag.name: flag for flag in declared}
    by_short = {flag.short: flag for flag in declared if flag.short}
    values: dict[str, list[str]] = {}
    arguments: list[str] = []
    dashed: tuple[str, ...] | None = None
    rest = list(argv)
    while rest:
        word = rest.pop(0)
        if word == "--":
            dashed = tuple(rest)
            break
        if word.startswith("--"):
            _long(word, rest, by_name, values)
        elif word.startswith("-") and word != "-":
            _shorts(word, rest, by_short, values)
        else:
            arguments.append(word)
    return Parsed({name: tuple(given) for name, given in values.items()}, tuple(arguments), dashed, by_name)


def _long(word: str, rest: list[str], by_name: Mapping[str, Flag], values: dict[str, list[str]]) -> None:
    name, equals, value = word[2:].partition("=")
    flag = by_name.get(name)
    if flag is None:
        raise UsageError(f"unknown flag: --{name}")
    if not equals:
        if flag.bare:
            value = flag.bare
        elif rest:
            value = rest.pop(0)
        else:
            raise UsageError(f"flag needs an argument: --{name}")
    values.setdefault(flag.name, []).append(value)


def _shorts(word: str, rest: list[str], by_short: Mapping[str, Flag], values: dict[str, list[str]]) -> None:
    letters = word[1:]
    while letters:
        letter, letters = letters[0], letters[1:]
        flag = by_short.get(letter)
        if flag is None:
            raise UsageError(f"unknown shorthand flag: {letter!r} in {word}")
        if letters.startswith("="):
            value, letters = letters[1:], ""
        elif flag.bare:
            value = flag.bare
        elif letters:
            value, letters = letters, ""
        elif rest:
            value = rest.pop(0)
        else:
            raise UsageError(f"flag needs an argument: {letter!r} in {word}")
        values.setdefault(flag.name, []).append(value)
