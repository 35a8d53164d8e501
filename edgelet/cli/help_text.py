"""Help of a verb and completion of the shell, made by typer from the verbs' declared flags.

Only help and completion import typer: parsing does without, which halves the start of every other call on a board.
"""

from __future__ import annotations

import contextlib
import inspect
import io
from collections.abc import Callable, Mapping
from typing import Annotated, Any

import typer

from edgelet.cli.flags import Flag
from edgelet.cli.verb import GLOBAL_FLAGS, Verb

PROGRAM = "edgelet"


def of(name: str, verb: Verb, *, columns: int) -> str:
    """The help of one verb: usage, what it does, all flags, examples."""
    app = _application(columns, completion=False)
    _add(app, name, verb)
    text = io.StringIO()
    with contextlib.redirect_stdout(text):
        app(["--help"], prog_name=f"{PROGRAM} {name}", standalone_mode=False)
    _, _, body = text.getvalue().partition("\n")  # typer's usage line knows nothing of the arguments' shape
    return f"Usage: {PROGRAM} {verb.usage}\n{body}"


def complete(verbs: Mapping[str, Verb], summaries: Mapping[str, str]) -> int:
    """Answer the shell, which asks through _EDGELET_COMPLETE what may come next, or for its set-up script."""
    app = _application(80, completion=True)
    for name, verb in verbs.items():
        _add(app, name, verb, summary=summaries[name])
    try:
        app(prog_name=PROGRAM)
    except SystemExit as end:
        return end.code if isinstance(end.code, int) else 0
    return 0


def _application(columns: int, *, completion: bool) -> typer.Typer:
    return typer.Typer(
        add_completion=completion,
        rich_markup_mode=None,
        pretty_exceptions_enable=False,
        context_settings={
            "help_option_names": ["-h", "--help"],
            "terminal_width": columns,
            "max_content_width": columns,
        },
    )


def _add(app: typer.Typer, name: str, verb: Verb, *, summary: str = "") -> None:
    examples = "\n".join(f"  {line}".rstrip() for line in verb.examples.strip().splitlines())
    app.command(
        name,
        help=verb.about,
        short_help=summary or None,
        epilog=f"\b\nExamples:\n{examples}",
        add_help_option=True,
    )(_declared(verb))


def _declared(verb: Verb) -> Callable[..., None]:
    """A function whose signature is the verb's flags, as typer reads it."""

    def command(**_flags: Any) -> None:
        """Carry nothing out: main does."""

    flags = [flag for flag in (*verb.flags, *GLOBAL_FLAGS) if flag.name != "help"]
    options = {flag.name.replace("-", "_"): _option(flag) for flag in flags}
    options["words"] = Annotated[list[str] | None, typer.Argument(hidden=True)]
    parameters = [
        inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=None, annotation=annotation)
        for name, annotation in options.items()
    ]
    command.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined] # inspect honours it
    command.__annotations__ = dict(options)
    return command


def _option(flag: Flag) -> Any:
    spellings = [f"--{flag.name}", *([f"-{flag.short}"] if flag.short else [])]
    default = f" [default: {flag.default}]" if flag.default else ""
    option = typer.Option(*spellings, help=flag.help + default, metavar=flag.value or None, show_default=False)
    kind = bool if flag.is_switch else list[str] if flag.repeated else str
    return Annotated[kind | None, option]
