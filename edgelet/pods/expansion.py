"""$(VAR) references, as Kubernetes expands them in env, command, args and subPathExpr. Textual: no shell, no words.

Source: Kubernetes third_party/forked/golang/expansion.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping

# An escaped operator, or a reference up to the first closer. A lone $, and a reference that is not closed, stay.
_REFERENCE = re.compile(r"\$(?:\$|\(([^)]*)\))")


def expand(text: str, *scopes: Mapping[str, str]) -> str:
    """Replace references to variables; the first scope that knows a name wins. Unknown ones stay as they are."""

    def known(name: str) -> str:
        return next((scope[name] for scope in scopes if name in scope), f"$({name})")

    return replace(text, known)


def missing(text: str, scope: Mapping[str, str]) -> tuple[str, ...]:
    """Return the names, sorted, that the text refers to and that are unset or empty (subPathExpr forbids both)."""
    names = {match[1] for match in _REFERENCE.finditer(text) if match[1] is not None}
    return tuple(sorted(name for name in names if not scope.get(name)))


def replace(text: str, value: Callable[[str], str]) -> str:
    """Replace each reference by value(name) and $$ by $."""
    if "$" not in text:
        return text
    return _REFERENCE.sub(lambda match: "$" if match[1] is None else value(match[1]), text)
