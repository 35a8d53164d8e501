"""Writes docs/POD_SUPPORT.md: every field of a PodSpec, and what this agent makes of it.

usage: python -m scripts.pod_support [--check]    with --check nothing is written, and a stale file is exit code 1
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import assert_never

from edgelet.api.container import Container, EphemeralContainer
from edgelet.api.pod import PodSpec
from edgelet.api.security import PodSecurityContext, SecurityContext
from edgelet.api.value import Value
from edgelet.api.volume import Volume
from edgelet.intake.admission import walk
from edgelet.intake.admission.table import TABLE
from edgelet.intake.admission.verdict import Beside, Only, Plain, Refused, Verdict

PATH = Path(__file__).parents[1] / "docs" / "POD_SUPPORT.md"

_HEAD = """\
# What of a PodSpec is acted on

Made from the code by `python -m scripts.pod_support`; a test fails when it is stale.

- **honoured**: acted on as the kubelet does.
- **scheduler**: only a scheduler or a controller would look at it, and here is none: it is kept and shown.
- **refused**: the object is turned away with the field's path and this reason.

What stands below a field that has no row of its own shares its verdict.
"""
_SECTIONS: tuple[tuple[str, str, type[Value]], ...] = (
    ("Pod", "spec", PodSpec),
    ("Security context of the pod", "spec.securityContext", PodSecurityContext),
    ("Containers", "spec.containers", Container),
    ("Ephemeral containers, besides", "spec.ephemeralContainers", EphemeralContainer),
    ("Security context of a container", "spec.containers.securityContext", SecurityContext),
    ("Volumes", "spec.volumes", Volume),
)
_INHERITED = {"spec.ephemeralContainers": Container}


def text() -> str:
    """Return the document."""
    parts = [_HEAD]
    for title, path, model in _SECTIONS:
        parts.append(f"## {title}\n| field of `{path}` | what becomes of it | why |\n|---|---|---|")
        parts.extend(_rows(path, model))
        parts.append("")
    return "\n".join(parts).rstrip("\n") + "\n"


def _rows(path: str, model: type[Value]) -> Iterator[str]:
    inherited = _INHERITED[path].model_fields if path in _INHERITED else {}
    other_sections = {one for _, one, _ in _SECTIONS if one != path}
    for name, field in model.model_fields.items():
        if name in inherited:
            continue
        pattern = f"{path}.{field.alias or name}"
        yield _row(path, pattern, _of(pattern))
        below = [one for one in TABLE if one.startswith(f"{pattern}.")]
        yield from (
            _row(path, one, TABLE[one])
            for one in below
            if not any(one.startswith(f"{other}.") for other in other_sections if other.startswith(path))
        )


def _of(pattern: str) -> Verdict:
    """Return the verdict of a field, or of the nearest one above it that has one."""
    while (found := walk.verdict_of(pattern)) is None:
        pattern = pattern.rpartition(".")[0]
        if not pattern:
            raise LookupError(pattern)
    return found


def _row(path: str, pattern: str, verdict: Verdict) -> str:
    word, reason = _words(verdict)
    return f"| `{pattern.removeprefix(f'{path}.')}` | {word} | {reason} |"


def _words(verdict: Verdict) -> tuple[str, str]:
    match verdict:
        case Plain():
            return verdict.value, ""
        case Refused(reason=reason):
            return "refused", reason
        case Only(values=values, reason=reason, beginning=beginning):
            shown = [*values, f"{beginning}..."] if beginning else values
            listed = ", ".join(f"`{one}`" if one != "" else "none" for one in shown)
            return f"honoured: {listed}", f"else refused: {reason}"
        case Beside(sibling=sibling, values=values, reason=reason, harmless=harmless):
            always = "".join(f"`{one}`, else " for one in harmless)
            return (
                f"honoured: {always}beside `{sibling}` {', '.join(map(str, values))}".rstrip(),
                f"else refused: {reason}",
            )
        case _ as never:
            assert_never(never)


def main(arguments: list[str]) -> int:
    """Write or check the file."""
    if "--check" not in arguments:
        PATH.write_text(text())
        return 0
    return 0 if PATH.exists() and PATH.read_text() == text() else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
