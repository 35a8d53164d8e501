"""A JSONPath template, and what it prints of a list of Pods."""

from __future__ import annotations

import json
from typing import Any

from edgelet.cli import jsonpath
from edgelet.cli.jsonpath_syntax import JsonPathError
from tests import builders

_MOST_CHARACTERS = 64 * 1024 * 1024
_PODS: dict[str, Any] = {
    "kind": "List",
    "items": [builders.complete_pod_document("web"), builders.complete_pod_document("db", hostNetwork=True)],
    "numbers": [1, 2.5, -3, None, True, "x"],
}


def try_input(data: bytes) -> None:
    """Print it in each way that the command line has."""
    template = data.decode("utf-8", "replace")
    for show in (jsonpath.render, jsonpath.as_json, jsonpath.values):
        try:
            shown = show(template, _PODS)
        except JsonPathError:
            continue
        assert len(shown) <= _MOST_CHARACTERS
        if show is jsonpath.as_json:
            json.loads(str(shown))
