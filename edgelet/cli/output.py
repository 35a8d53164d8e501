"""What `-o` asks for: json, yaml, name, jsonpath, custom-columns; everything that is no table of kubectl's own."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from edgelet.cli import tabwriter
from edgelet.cli.failure import CliError

Document = Mapping[str, Any]

WITH_ARGUMENT = ("jsonpath", "jsonpath-as-json", "jsonpath-file", "custom-columns", "custom-columns-file")
FORMS = ("json", "name", "wide", "yaml", *WITH_ARGUMENT)


@dataclass(frozen=True, slots=True)
class Output:
    """One form; an empty one is the plain table."""

    form: str = ""
    argument: str = ""  # the template or the columns

    @property
    def is_table(self) -> bool:
        """Whether people read it."""
        return self.form in {"", "wide"}


def parse(text: str) -> Output:
    """Read the value of `-o`.

    Raises:
        CliError: There is no such form.
    """
    form, equals, argument = text.partition("=")
    if form not in {*FORMS, ""} or (equals and form not in WITH_ARGUMENT):
        allowed = ",".join(sorted(FORMS))
        raise CliError(
            f'unable to match a printer suitable for the output format "{text}", allowed formats are: {allowed}'
        )
    if form in WITH_ARGUMENT and not argument:
        raise CliError(f"template format specified but no template given: -o {form}=...")
    if form.endswith("-file"):
        try:
            with open(argument, encoding="utf-8") as file:  # noqa: PTH123  pathlib costs a board some milliseconds
                return Output(form.removesuffix("-file"), file.read())
        except (OSError, UnicodeDecodeError) as error:
            raise CliError(f"error reading --template {argument}, {error}") from error
    return Output(form, argument)


def as_list(items: Sequence[Document]) -> Document:
    """Several objects as one document."""
    return {"apiVersion": "v1", "items": list(items), "kind": "List", "metadata": {"resourceVersion": ""}}


def render(output: Output, document: Document, *, names: Sequence[str], headers: bool = True) -> str:
    """An object, or a List of some, in a form that is no table. `names` are their TYPE/NAME."""
    match output.form:
        case "json":
            return json.dumps(document, indent=4, ensure_ascii=False, sort_keys=True) + "\n"
        case "yaml":
            from edgelet.cli import yaml_text  # noqa: PLC0415  PyYAML, for this form alone

            return yaml_text.dump(document)
        case "name":
            return "".join(f"{name}\n" for name in names)
        case "jsonpath" | "jsonpath-as-json":
            return _by_path(output, document)
        case "custom-columns":
            items = document["items"] if document.get("kind") == "List" else [document]
            return _custom_columns(output.argument, items, headers=headers)
        case _:
            raise CliError(f'the output format "{output.form}" does not fit here')


def _by_path(output: Output, document: Document) -> str:
    from edgelet.cli import jsonpath  # noqa: PLC0415  for this form alone
    from edgelet.cli.jsonpath_syntax import JsonPathError, relaxed  # noqa: PLC0415  for this form alone

    template = output.argument if "{" in output.argument else relaxed(output.argument)
    try:
        if output.form == "jsonpath-as-json":
            return jsonpath.as_json(template, document) + "\n"
        return jsonpath.render(template, document)
    except JsonPathError as error:
        raise CliError(f"error parsing jsonpath {output.argument}, {error}") from error


def _custom_columns(spec: str, items: Sequence[Document], *, headers: bool) -> str:
    from edgelet.cli import jsonpath  # noqa: PLC0415  for this form alone
    from edgelet.cli.jsonpath_syntax import JsonPathError  # noqa: PLC0415  for this form alone

    columns: list[tuple[str, str]] = []
    for column in filter(None, (part.strip() for part in spec.replace("\n", ",").split(","))):
        header, _, path = column.partition(":")
        if not path:
            raise CliError(f"unexpected custom-columns spec: {column}, expected <header>:<json-path-expr>")
        columns.append((header, path))
    try:
        rows = [
            [",".join(map(jsonpath.text_of, jsonpath.values(path, item))) or "<none>" for _, path in columns]
            for item in items
        ]
    except JsonPathError as error:
        raise CliError(f"error parsing jsonpath in custom-columns, {error}") from error
    text, _ = tabwriter.table([*([[header for header, _ in columns]] if headers else []), *rows])
    return text
