"""Which objects a command line means: `pods`, `pods,cm`, `pod web db`, `pod/web cm/settings`, `all`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from edgelet.cli import resources
from edgelet.cli.failure import CliError, UsageError
from edgelet.cli.resources import RESOURCES, Resource


@dataclass(frozen=True, slots=True)
class Target:
    """One object, or with an empty name all of a type."""

    resource: Resource
    name: str = ""


def parse(arguments: Sequence[str], *, verb: str) -> tuple[Target, ...]:
    """The targets in the order they were named.

    Raises:
        CliError: There is no such type, or forms are mixed.
    """
    if not arguments:
        raise UsageError(f"You must specify the type of resource to {verb}: pods, nodes, events ...")
    if any("/" in argument for argument in arguments):
        return tuple(_pair(argument) for argument in arguments)
    types, names = _types(arguments[0]), arguments[1:]
    if not all(names):
        raise CliError("resource name may not be empty")
    if names:
        return tuple(Target(resource, name) for resource in types for name in names)
    return tuple(Target(resource) for resource in types)


def _types(text: str) -> tuple[Resource, ...]:
    found: list[Resource] = []
    for name in text.split(","):
        if name == "all":
            found += [resource for resource in RESOURCES if resource.in_all]
        elif name:
            found.append(resources.named(name))
    if not found:
        raise CliError("arguments in resource/name form must have a single resource and name")
    return tuple(dict.fromkeys(found))


def _pair(argument: str) -> Target:
    kind, slash, name = argument.partition("/")
    if not slash:
        raise CliError(
            "there is no need to specify a resource type as a separate argument when passing arguments in "
            "resource/name form (e.g. 'edgelet get resource/<resource_name>' instead of "
            "'edgelet get resource resource/<resource_name>')"
        )
    if not kind or not name or "/" in name:
        raise CliError("arguments in resource/name form must have a single resource and name")
    return Target(resources.named(kind), name)
