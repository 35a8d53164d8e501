from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgelet.cli import resources, selection
from edgelet.cli.failure import CliError


def shown(*arguments: str) -> list[str]:
    return [f"{one.resource.plural}/{one.name}" for one in selection.parse(arguments, verb="get")]


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["pods"], ["pods/"]),
        (["po"], ["pods/"]),
        (["Pod", "web", "db"], ["pods/web", "pods/db"]),
        (["pods,cm"], ["pods/", "configmaps/"]),
        (["pods,po,pod"], ["pods/"]),
        (["pod/web", "cm/settings"], ["pods/web", "configmaps/settings"]),
        (["deployments.apps", "x"], ["deployments/x"]),
        (["all"], ["pods/"]),
        (["no,ns,ev,secrets"], ["nodes/", "namespaces/", "events/", "secrets/"]),
    ],
)
def test_arguments_mean_objects(arguments: list[str], expected: list[str]) -> None:
    assert shown(*arguments) == expected


@pytest.mark.parametrize(
    "arguments",
    [[], ["foos"], ["pods", "pod/web"], ["pod/"], ["/web"], ["pod/web/x"], ["pods", ""], [","], ["pods.apps"]],
)
def test_other_arguments_are_refused(arguments: list[str]) -> None:
    with pytest.raises(CliError):
        shown(*arguments)


@given(st.lists(st.text(alphabet="pods/,.cm x", max_size=8), max_size=4))
def test_any_words_mean_objects_or_are_refused(arguments: list[str]) -> None:
    try:
        targets = selection.parse(arguments, verb="get")
    except CliError:
        return
    assert targets
    assert all("/" not in target.name for target in targets)


@pytest.mark.parametrize(
    ("kind", "namespace", "name", "subresource", "path"),
    [
        ("Pod", "default", "web", "", "/api/v1/namespaces/default/pods/web"),
        ("Pod", "", "", "", "/api/v1/pods"),
        ("Pod", "default", "web", "log", "/api/v1/namespaces/default/pods/web/log"),
        ("Node", "ignored", "pi", "", "/api/v1/nodes/pi"),
        ("Deployment", "default", "x", "", "/apis/apps/v1/namespaces/default/deployments/x"),
        ("Pod", "a/b", "../x?y", "", "/api/v1/namespaces/a%2Fb/pods/..%2Fx%3Fy"),
    ],
)
def test_an_object_has_its_path(kind: str, namespace: str, name: str, subresource: str, path: str) -> None:
    assert resources.BY_KIND[kind].path(namespace, name, subresource) == path
