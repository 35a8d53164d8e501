"""Environment files in volumes: the subset of shell's assignments that Kubernetes takes. Pure.

    NAME='value'    # comments and blank lines are skipped; inside the quotes everything is literal, newlines too

Source: kubernetes.io/docs/tasks/inject-data-application/define-environment-variable-via-file (Env file syntax).
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from edgelet.api.container import Container
from edgelet.api.environment import FileKeySelector

LIMIT_BYTES = 64 * 1024
_SKIPPED = re.compile(r"(?:[ \t]*(?:#[^\n]*)?\n)*[ \t]*(?:#[^\n]*\Z)?")
_ASSIGNMENT = re.compile(r"(?P<name>[^\s='\"#]+)[ \t]*=[ \t]*'(?P<value>[^']*)'[ \t\r]*(?:\n|\Z)")


def wanted(container: Container) -> Iterator[FileKeySelector]:
    """Yield the files that the container's variables come from."""
    for variable in container.env:
        if variable.value_from and variable.value_from.file_key_ref:
            yield variable.value_from.file_key_ref


def parse(data: bytes) -> dict[str, str]:
    """Return the variables; of two with one name the last.

    Raises:
        ValueError: A line in another form, with its number.
    """
    text = data.decode()
    found: dict[str, str] = {}
    at = 0
    while True:
        skipped = _SKIPPED.match(text, at)
        at = skipped.end() if skipped else at
        if at >= len(text):
            return found
        assignment = _ASSIGNMENT.match(text, at)
        if assignment is None:
            line = text.count("\n", 0, at) + 1
            raise ValueError(f"line {line} is not of the form VAR='value'")
        found[assignment["name"]] = assignment["value"]
        at = assignment.end()
