"""Objects as YAML in kubectl's manner: keys sorted, text blocks, quotes where YAML 1.1 would read no string."""

from __future__ import annotations

import re
from typing import Any

import yaml

STRING = "tag:yaml.org,2002:str"
# What Kubernetes' reader takes for a number or truth value and PyYAML does not
AMBIGUOUS = re.compile(r"[yYnN]|[-+]?(\.[0-9_]+|[0-9][0-9_]*(\.[0-9_]*)?)([eE][-+]?[0-9]+)?|0o[0-7_]+")
UNSEEN = re.compile("[\x00-\x09\x0b-\x1f\x7f-\x9f\u2028\u2029\ufeff]")  # written as escapes

_Base: Any = getattr(yaml, "CSafeDumper", yaml.SafeDumper)


class _Dumper(_Base):  # type: ignore[misc] # libyaml's where it is there
    """Kubernetes' YAML."""

    def ignore_aliases(self, data: Any) -> bool:  # noqa: ARG002  PyYAML's signature
        return True


def _text(dumper: Any, value: str) -> yaml.ScalarNode:
    if UNSEEN.search(value):
        style: str | None = '"'
    elif "\n" in value:
        style = "|"
    elif AMBIGUOUS.fullmatch(value) or dumper.resolve(yaml.ScalarNode, value, (True, False)) != STRING:
        style = '"'
    else:
        style = None
    node: yaml.ScalarNode = dumper.represent_scalar(STRING, value, style=style)
    return node


_Dumper.add_representer(str, _text)


def dump(document: Any) -> str:
    """The document's YAML; ends with a newline."""
    text: str = yaml.dump(document, Dumper=_Dumper, sort_keys=True, allow_unicode=True, width=1 << 30)
    return text
