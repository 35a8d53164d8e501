"""Changing single settings in a TOML file that a person wrote: everything else stays as it stands, comments too."""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Mapping
from typing import Any

from edgelet.api.errors import ConflictError

Changes = Mapping[str, Mapping[str, str]]  # table -> key -> value

_HEADER = re.compile(r"\s*\[\s*([A-Za-z0-9_-]+)\s*\]\s*(?:#.*)?")
_ANY_HEADER = re.compile(r"\s*\[")
_KEY = re.compile(r"\s*([A-Za-z0-9_-]+)\s*=")


def changed(text: str, changes: Changes, *, name: str) -> str:
    """Return the text with these values in these tables; `name` is what messages call the file.

    The result is read back: it differs from what was there in these values and in nothing else.

    Raises:
        ConflictError: The file is no TOML, or is written in a way that this cannot change; the lines to put in by hand
            are in the message.
    """
    try:
        before = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ConflictError(f"cannot change {name}: it is no TOML: {error}") from error
    lines = text.splitlines()
    for table, values in changes.items():
        for key, value in values.items():
            _set(lines, table, key, f"{key} = {json.dumps(value, ensure_ascii=False)}")
    after = "".join(f"{line}\n" for line in lines)
    try:
        good = tomllib.loads(after) == _merged(before, changes)
    except tomllib.TOMLDecodeError:
        good = False
    if not good:
        wanted = "; ".join(
            f"{t}.{key} = {json.dumps(value)}" for t, values in changes.items() for key, value in values.items()
        )
        raise ConflictError(f"cannot change {name}, it is written in an unusual way: set by hand {wanted}")
    return after


def _set(lines: list[str], table: str, key: str, line: str) -> None:
    """Replace the line of a key, or put one where its table ends."""
    header = next((at for at, one in enumerate(lines) if (found := _HEADER.fullmatch(one)) and found[1] == table), None)
    if header is None:
        lines += [*([""] if lines and lines[-1].strip() else []), f"[{table}]", line]
        return
    last = header
    for at in range(header + 1, len(lines)):
        if _ANY_HEADER.match(lines[at]):
            break
        if found := _KEY.match(lines[at]):
            if found[1] == key:
                lines[at] = line
                return
            last = at
    lines.insert(last + 1, line)


def _merged(before: dict[str, Any], changes: Changes) -> dict[str, Any]:
    merged = dict(before)
    for table, values in changes.items():
        there = merged.get(table)
        merged[table] = {**(there if isinstance(there, dict) else {}), **values}
    return merged
