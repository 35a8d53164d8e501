from __future__ import annotations

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgelet.remote import selectors
from edgelet.remote.refusal import RefusedError


def match(selector: str, **labels: str) -> bool:
    chosen = selectors.parse(labels=selector, fields="", kind="Pod")
    return chosen.matches({"metadata": {"name": "x", "labels": labels}})


@pytest.mark.parametrize(
    ("selector", "matches", "misses"),
    [
        ("", {}, None),
        ("app=web", {"app": "web"}, {"app": "db"}),
        ("app==web", {"app": "web"}, {}),
        ("app = web , tier=x", {"app": "web", "tier": "x"}, {"app": "web"}),
        ("app!=web", {}, {"app": "web"}),
        ("app", {"app": ""}, {}),
        ("!app", {"x": "y"}, {"app": "web"}),
        ("app=", {"app": ""}, {"app": "web"}),
        ("app in (web,db)", {"app": "db"}, {"app": "x"}),
        ("app in (web, )", {"app": ""}, {}),
        ("app notin (web,db),tier", {"tier": "x"}, {"app": "web", "tier": "x"}),
        ("in in (in)", {"in": "in"}, {"in": "out"}),
        ("kubernetes.io/name=a-b_c.d", {"kubernetes.io/name": "a-b_c.d"}, {}),
    ],
)
def test_label_selectors_mean_what_kubernetes_means(
    selector: str, matches: dict[str, str], misses: dict[str, str] | None
) -> None:
    assert match(selector, **matches)
    assert misses is None or not match(selector, **misses)


@pytest.mark.parametrize(
    "selector", ["app===web", "=x", "app in web", "app in (a", "a b", "a,,b", ",a", "a,", "a=b c", "a in (b!)", "a>1"]
)
def test_a_label_selector_that_cannot_be_read_is_refused(selector: str) -> None:
    with pytest.raises(RefusedError, match="unable to parse requirement"):
        selectors.parse_labels(selector)


def test_fields_are_compared_as_text_and_missing_ones_are_empty() -> None:
    document = {"metadata": {"name": "web"}, "status": {"phase": "Running"}, "spec": {}}

    def chosen(text: str) -> bool:
        return selectors.parse(labels="", fields=text, kind="Pod").matches(document)

    assert chosen("status.phase=Running,metadata.name==web")
    assert chosen("spec.nodeName=")
    assert chosen("status.phase!=Failed")
    assert not chosen("status.phase=Failed")
    with pytest.raises(RefusedError, match=r'"spec\.image" not supported for Pod'):
        chosen("spec.image=x")
    with pytest.raises(RefusedError, match="invalid field selector"):
        chosen("metadata.name")


@given(st.text(max_size=60), st.text(max_size=60))
def test_any_text_is_a_selector_or_a_refusal(labels: str, fields: str) -> None:
    with suppress(RefusedError):
        selectors.parse(labels=labels, fields=fields, kind="Event").matches({"metadata": {"labels": None}})


def test_a_selector_without_end_is_refused() -> None:
    with pytest.raises(RefusedError, match="longer than"):
        selectors.parse(labels="a," * 5000, fields="", kind="Pod")
