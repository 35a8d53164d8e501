from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgelet.cli import jsonpath, jsonpath_syntax
from edgelet.cli.jsonpath_syntax import JsonPathError

PODS: dict[str, Any] = {
    "kind": "List",
    "items": [
        {
            "metadata": {"name": "web", "labels": {"app.kubernetes.io/name": "web", "tier": "front"}},
            "spec": {"containers": [{"name": "a", "ports": [80, 443]}, {"name": "b"}], "replicas": 2},
            "status": {
                "podIP": "10.0.0.1",
                "ok": True,
                "none": None,
                "conditions": [{"type": "Ready", "status": "True"}, {"type": "Initialized", "status": "False"}],
            },
        },
        {"metadata": {"name": "db"}, "spec": {"containers": [{"name": "c"}], "replicas": 5}, "status": {"load": 0.5}},
    ],
}
POD: dict[str, Any] = PODS["items"][0]


@pytest.mark.parametrize(
    ("template", "text"),
    [
        ("{.items[*].metadata.name}", "web db"),
        ("{.items[0].metadata.name}", "web"),
        ("{.items[-1].metadata.name}", "db"),
        ("{.items[0:2].metadata.name}", "web db"),
        ("{.items[:1].metadata.name}", "web"),
        ("{.items[1:].metadata.name}", "db"),
        ("{.items[::2].metadata.name}", "web"),
        ("{.items[0,1].metadata.name}", "web db"),
        ("{.items[0].metadata['name']}", "web"),
        ("{.items[0]['metadata','status'].name}", "web"),
        ("{.items[0].metadata.labels.app\\.kubernetes\\.io/name}", "web"),
        ("{.items[0].metadata.labels['app.kubernetes.io/name']}", "web"),
        ('{.items[0].metadata.labels["tier"]}', "front"),
        ("{.items[0].metadata.labels.*}", "web front"),
        ("{$.kind}", "List"),
        ("{@.kind}", "List"),
        ("{..name}", "web a b db c"),
        ('{range .items[*]}{.metadata.name}{"\\t"}{.status.podIP}{"\\n"}{end}', "web\t10.0.0.1\ndb\t\n"),
        ("{range .items[*]}{.metadata.name}:{range .spec.containers[*]}{.name},{end}{end}", "web:a,b,db:c,"),
        ("{range .items[*]}{$.kind}{end}", "ListList"),
        ('{.items[0].status.conditions[?(@.type=="Ready")].status}', "True"),
        ("{.items[0].status.conditions[?(@.type!='Ready')].type}", "Initialized"),
        ('{.items[?(@.metadata.name=="db")].spec.replicas}', "5"),
        ("{.items[?(@.spec.replicas>2)].metadata.name}", "db"),
        ("{.items[?( @.spec.replicas <= 2 )].metadata.name}", "web"),
        ("{.items[?(@.status.podIP)].metadata.name}", "web"),
        ("{.items[?(@.status.ok==true)].metadata.name}", "web"),
        ("{.items[?(@.spec.replicas==2.0)].metadata.name}", "web"),
        ("{.items[0].spec.containers[0]}", '{"name":"a","ports":[80,443]}'),
        ("{.items[0].spec.containers[0].ports}", "[80,443]"),
        ("{.items[0].spec.containers[0].ports[*]}", "80 443"),
        ("{.items[0].status.ok}", "true"),
        ("{.items[0].status.none}", "null"),
        ("{.items[1].status.load}", "0.5"),
        ("{.absent.deeper}", ""),
        ("{.items[*].absent}", ""),
        ("names: {.items[0].metadata.name}!", "names: web!"),
        ("{.kind}{' and '}{\"it's\"}", "List and it's"),
        ("{ .kind }", "List"),
        ("{}", ""),
        ("", ""),
    ],
)
def test_a_template_prints_what_kubectl_prints(template: str, text: str) -> None:
    assert jsonpath.render(template, PODS) == text


@pytest.mark.parametrize(
    "template",
    [
        "{.items[5].x}", "{.items[-3]}", "{.kind[0]}", "{.items", "{.items[0}", "{.items[a]}", "{.items[0:1:0]}",
        "{.items[1:2:3:4]}", "{.items[?(@.a==)]}", "{.items[?(@.a==1]}", "{.items[?@.a]}", "{'open}", "{foo}",
        "{end}", "{range .items[*]}", "{.items[?(@.a==1 && @.b==2)]}", "{.items[?(@.metadata.name<1)]}", "{.a\\",
        "{.items[]}",
    ],
)  # fmt: skip
def test_what_is_no_template_or_does_not_fit_is_told(template: str) -> None:
    with pytest.raises(JsonPathError):
        jsonpath.render(template, PODS)


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        (".metadata.name", ["web"]),
        ("metadata.name", ["web"]),
        ("{.metadata.name}", ["web"]),
        (".spec.containers[*].name", ["a", "b"]),
        (".status.none", [None]),
        (".nothing", []),
    ],
)
def test_a_single_path_may_be_written_without_braces(expression: str, expected: list[Any]) -> None:
    assert jsonpath.values(expression, POD) == expected


def test_as_json_gives_one_array() -> None:
    assert jsonpath.as_json("{.items[*].metadata.name}", PODS) == '[\n    "web",\n    "db"\n]'
    assert jsonpath.as_json("{range .items[*]}{.spec.replicas}{end}", PODS) == "[\n    2,\n    5\n]"


def test_nesting_has_a_bound() -> None:
    deep = "{range .items[*]}" * 30 + "{end}" * 30
    with pytest.raises(JsonPathError, match="deep"):
        jsonpath.render(deep, PODS)
    with pytest.raises(JsonPathError, match="deep"):
        jsonpath.render("{" + ".a[?(@" * 30 + ")]" * 30 + "}", PODS)


def test_what_multiplies_has_a_bound() -> None:
    wide = {"a": [{"b": list(range(100))}] * 100}
    for template in ("{" + ".." * 12 + "}", "{range ..}" * 4 + "{..}" + "{end}" * 4):
        with pytest.raises(JsonPathError, match="more than 1000000 values"):
            jsonpath.render(template, wide)


PIECES = st.sampled_from(
    ["{", "}", ".", "..", "[", "]", "*", "?", "(", ")", "@", "$", "'", '"', "\\", "items", "name", "range ", "end", " ",
     "0", "-1", ":", ",", "==", "<", "true", "metadata", "x"]
)  # fmt: skip


@given(st.lists(PIECES, max_size=25).map("".join))
def test_any_template_prints_or_fails_with_its_own_error(template: str) -> None:
    try:
        text = jsonpath.render(template, PODS)
    except JsonPathError:
        return
    assert isinstance(text, str)


@given(st.text(max_size=30))
def test_any_text_is_a_template_or_fails_with_its_own_error(template: str) -> None:
    try:
        nodes = jsonpath_syntax.parse(template)
    except JsonPathError:
        return
    if "{" not in template:
        assert "".join(str(node.value) for node in nodes if isinstance(node, jsonpath_syntax.Literal)) == template
