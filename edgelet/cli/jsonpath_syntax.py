r"""kubectl's JSONPath templates, parsed: `{range .items[*]}{.metadata.name}{"\n"}{end}`.

Source: k8s.io/client-go/util/jsonpath (the dialect of `kubectl -o jsonpath`).
"""

from __future__ import annotations

from dataclasses import dataclass

NAME_ENDS = frozenset(" \t\r\n.,[]{}()|$@'\"=!<>")
ESCAPES = {"n": "\n", "t": "\t", "r": "\r", "b": "\b", "f": "\f", "v": "\v", "a": "\a", "0": "\0"}
OPERATORS = ("==", "!=", "<=", ">=", "<", ">")
MAXIMUM_DEPTH = 20  # ranges and filters inside each other


class JsonPathError(Exception):
    """A template that cannot be read, or that does not fit the object."""


@dataclass(frozen=True, slots=True)
class Field:
    """`.name`, `['name']`; of a map."""

    name: str


@dataclass(frozen=True, slots=True)
class Wildcard:
    """`[*]`, `.*`: every item or value."""


@dataclass(frozen=True, slots=True)
class Descend:
    """`..`: the value and everything inside it."""


@dataclass(frozen=True, slots=True)
class Index:
    """`[2]`, `[-1]`."""

    at: int


@dataclass(frozen=True, slots=True)
class Slice:
    """`[1:3]`, `[::2]`."""

    start: int | None
    stop: int | None
    step: int | None


@dataclass(frozen=True, slots=True)
class Union:
    """`[0,2]`, `['a','b']`."""

    parts: tuple[Step, ...]


@dataclass(frozen=True, slots=True)
class Filter:
    """`[?(@.type=="Ready")]`; without an operator: the items where the path leads to something."""

    left: Path | Literal
    operator: str = ""
    right: Path | Literal | None = None


Step = Field | Wildcard | Descend | Index | Slice | Union | Filter


@dataclass(frozen=True, slots=True)
class Literal:
    """Text between quotes or outside braces; a number or truth value inside a filter."""

    value: str | int | float | bool


@dataclass(frozen=True, slots=True)
class Path:
    """Steps from the current value, or from the whole object where it began with `$`."""

    steps: tuple[Step, ...]
    absolute: bool = False


@dataclass(frozen=True, slots=True)
class Range:
    """`{range PATH}BODY{end}`: the body once for every value."""

    over: Path
    body: tuple[Node, ...]


Node = Literal | Path | Range


def relaxed(text: str) -> str:
    """The template for an expression written without braces or leading dot: `metadata.name`, `.metadata.name`."""
    bare = text.removeprefix("{").removesuffix("}") if text.startswith("{") and text.endswith("}") else text
    return "{" + (bare if bare[:1] in {".", "$", "@", "["} else f".{bare}") + "}"


def parse(text: str) -> tuple[Node, ...]:
    """Read a template.

    Raises:
        JsonPathError: It is none.
    """
    return _Parser(text).template()


class _Parser:
    """One pass over the text; `at` is the next letter."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.at = 0
        self.depth = 0

    def template(self) -> tuple[Node, ...]:
        open_ranges: list[Path] = []
        bodies: list[list[Node]] = [[]]
        while self.at < len(self.text):
            brace = self.text.find("{", self.at)
            end = len(self.text) if brace < 0 else brace
            if end > self.at:
                bodies[-1].append(Literal(self.text[self.at : end]))
            self.at = end + 1
            if brace >= 0:
                self._action(open_ranges, bodies)
        if open_ranges:
            raise JsonPathError("unclosed range: {end} is missing")
        return tuple(bodies[0])

    def _action(self, open_ranges: list[Path], bodies: list[list[Node]]) -> None:
        """One pair of braces."""
        while True:
            self._skip_spaces()
            letter = self._peek()
            if letter == "":
                raise JsonPathError("unclosed action")
            if letter == "}":
                self.at += 1
                return
            if letter in "'\"":
                bodies[-1].append(Literal(self._quoted()))
            elif letter in ".[$@":
                bodies[-1].append(self._path())
            elif self._word("range"):
                if len(open_ranges) >= MAXIMUM_DEPTH:
                    raise JsonPathError(f"ranges more than {MAXIMUM_DEPTH} deep")
                self._skip_spaces()
                open_ranges.append(self._path())
                bodies.append([])
            elif self._word("end"):
                if not open_ranges:
                    raise JsonPathError("not in range, nothing to end")
                body = tuple(bodies.pop())
                bodies[-1].append(Range(open_ranges.pop(), body))
            else:
                raise JsonPathError(f"unrecognized identifier {self._rest_of_word()}")

    def _path(self) -> Path:
        absolute = self._peek() == "$"
        if self._peek() in {"$", "@"}:
            self.at += 1
        steps: list[Step] = []
        while True:
            letter = self._peek()
            if letter == "[":
                self.at += 1
                steps.append(self._bracket())
            elif letter == ".":
                self.at += 1
                if self._peek() == ".":
                    self.at += 1
                    steps.append(Descend())
                if (step := self._name_step()) is not None:
                    steps.append(step)
            else:
                return Path(tuple(steps), absolute)

    def _name_step(self) -> Step | None:
        """What follows a dot; None for `..[`, `.[` and a lone dot."""
        if self._peek() == "*":
            self.at += 1
            return Wildcard()
        letters: list[str] = []
        while (letter := self._peek()) and letter not in NAME_ENDS:
            self.at += 1
            if letter == "\\":
                letter = self._peek()
                if not letter:
                    raise JsonPathError("a backslash ends the template")
                self.at += 1
            letters.append(letter)
        return Field("".join(letters)) if letters else None

    def _bracket(self) -> Step:
        self._skip_spaces()
        if self._peek() == "?":
            return self._filter()
        parts = [self._bracket_part()]
        while self._skip_spaces() == ",":
            self.at += 1
            self._skip_spaces()
            parts.append(self._bracket_part())
        self._expect("]", "unterminated array")
        return parts[0] if len(parts) == 1 else Union(tuple(parts))

    def _bracket_part(self) -> Step:
        if self._peek() == "*":
            self.at += 1
            return Wildcard()
        if self._peek() in {"'", '"'}:
            return Field(self._quoted())
        start = self.at
        while (letter := self._peek()) and letter not in ",]":
            self.at += 1
        text = self.text[start : self.at].strip()
        numbers = text.split(":")
        try:
            parsed = [int(number) if number.strip() else None for number in numbers]
        except ValueError:
            raise JsonPathError(f"invalid array index {text}") from None
        if len(parsed) == 1 and parsed[0] is not None:
            return Index(parsed[0])
        if len(parsed) not in {2, 3} or (len(parsed) == 3 and parsed[2] is not None and parsed[2] < 1):  # noqa: PLR2004  start:stop:step
            raise JsonPathError(f"invalid array index {text}")
        return Slice(*parsed, *([None] * (3 - len(parsed))))

    def _filter(self) -> Filter:
        self.depth += 1
        if self.depth > MAXIMUM_DEPTH:
            raise JsonPathError(f"filters more than {MAXIMUM_DEPTH} deep")
        self.at += 1
        self._expect("(", "unclosed filter")
        left = self._operand()
        self._skip_spaces()
        operator = next((one for one in OPERATORS if self.text.startswith(one, self.at)), "")
        right = None
        if operator:
            self.at += len(operator)
            right = self._operand()
        self._expect(")", "unclosed filter: only one comparison is supported")
        self._expect("]", "unclosed array expect ]")
        self.depth -= 1
        return Filter(left, operator, right)

    def _operand(self) -> Path | Literal:
        self._skip_spaces()
        letter = self._peek()
        if letter and letter in "'\"":
            return Literal(self._quoted())
        if letter and letter in "@$.[":
            return self._path()
        word = self._rest_of_word()
        self.at += len(word)
        if word in {"true", "false"}:
            return Literal(word == "true")
        try:
            return Literal(int(word) if word.lstrip("+-").isdecimal() else float(word))
        except ValueError:
            raise JsonPathError(f"unrecognized operand {word!r} in a filter") from None

    def _quoted(self) -> str:
        quote = self.text[self.at]
        self.at += 1
        letters: list[str] = []
        while (letter := self._peek()) != quote:
            if not letter:
                raise JsonPathError("unterminated quoted string")
            self.at += 1
            if letter == "\\":
                escaped = self._peek()
                self.at += 1
                letter = ESCAPES.get(escaped, escaped)
            letters.append(letter)
        self.at += 1
        return "".join(letters)

    def _peek(self) -> str:
        return self.text[self.at : self.at + 1]

    def _skip_spaces(self) -> str:
        """Pass over white space; the letter after it."""
        while self._peek().isspace():
            self.at += 1
        return self._peek()

    def _expect(self, letter: str, complaint: str) -> None:
        if self._skip_spaces() != letter:
            raise JsonPathError(complaint)
        self.at += 1

    def _rest_of_word(self) -> str:
        end = self.at
        while end < len(self.text) and self.text[end] not in " \t\r\n{}()[]'\"":
            end += 1
        return self.text[self.at : end] or self._peek()

    def _word(self, word: str) -> bool:
        """Pass over the word, if it is the next one."""
        if self._rest_of_word() != word:
            return False
        self.at += len(word)
        return True
