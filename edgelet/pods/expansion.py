"""$(VAR) references, as Kubernetes expands them in env, command, args and subPathExpr. Textual: no shell, no words.

References to references double a text at each step: thirty short lines would fill the board's memory. Linux bounds what
a process is started with, so nothing is lost by refusing more.

Source: Kubernetes third_party/forked/golang/expansion; execve(2), "Limits on size of arguments and environment".
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping

from edgelet.api.errors import EdgeletError

TEXT_LIMIT_BYTES = 128 * 1024  # of one argument or variable: MAX_ARG_STRLEN
TOTAL_LIMIT_BYTES = 6 * 1024 * 1024  # of all arguments or all variables: three quarters of _STK_LIM

# An escaped operator, or a reference up to the first closer. A lone $, and a reference that is not closed, stay.
_REFERENCE = re.compile(r"\$(?:\$|\(([^)]*)\))")


def expand(text: str, *scopes: Mapping[str, str]) -> str:
    """Replace references to variables; the first scope that knows a name wins. Unknown ones stay as they are.

    Raises:
        EdgeletError: CreateContainerConfigError, longer than Linux takes.
    """

    def known(name: str) -> str:
        return next((scope[name] for scope in scopes if name in scope), f"$({name})")

    return replace(text, known)


def expand_all(words: Iterable[str], *scopes: Mapping[str, str]) -> tuple[str, ...]:
    """Expand each word. Raises EdgeletError as `expand`, also where all of them are too long together."""
    found: list[str] = []
    total = 0
    for word in words:
        found.append(expand(word, *scopes))
        total = checked_total(total, found[-1])
    return tuple(found)


def checked_total(total: int, text: str) -> int:
    """Return the length so far with another text. Raises EdgeletError(CreateContainerConfigError) beyond the bound."""
    total += len(text)
    if total > TOTAL_LIMIT_BYTES:
        raise _too_long(f"its variables or arguments are longer than {TOTAL_LIMIT_BYTES} bytes together")
    return total


def missing(text: str, scope: Mapping[str, str]) -> tuple[str, ...]:
    """Return the names, sorted, that the text refers to and that are unset or empty (subPathExpr forbids both)."""
    names = {match[1] for match in _REFERENCE.finditer(text) if match[1] is not None}
    return tuple(sorted(name for name in names if not scope.get(name)))


def replace(text: str, value: Callable[[str], str]) -> str:
    """Replace each reference by value(name) and $$ by $. Raises EdgeletError as `expand`."""
    if "$" not in text:
        return text
    length = 0

    def one(match: re.Match[str]) -> str:
        nonlocal length
        put = "$" if match[1] is None else value(match[1])
        length += len(put)
        if length > TEXT_LIMIT_BYTES:
            raise _too_long(f"{text[:60]!r} becomes longer than {TEXT_LIMIT_BYTES} bytes")
        return put

    return _REFERENCE.sub(one, text)


def _too_long(why: str) -> EdgeletError:
    return EdgeletError("CreateContainerConfigError", f"cannot start the process: {why}, which Linux does not take")
