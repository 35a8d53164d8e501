from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgelet.api.errors import EdgeletError, InvalidObjectError
from edgelet.intake import desired_topics
from edgelet.ports.object_store import Key

WEB = Key("Pod", "default", "web")


def document(**metadata: Any) -> dict[str, Any]:
    return {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "web", **metadata}}


@pytest.mark.parametrize(
    ("topic", "key"),
    [
        ("desired/pods/default/web", WEB),
        ("desired/configmaps/kube-system/a.b.c", Key("ConfigMap", "kube-system", "a.b.c")),
        ("desired/namespaces/shop", Key("Namespace", "", "shop")),
    ],
)
def test_a_topic_names_an_object(topic: str, key: Key) -> None:
    assert desired_topics.key_of(topic) == key


@pytest.mark.parametrize(
    ("topic", "reason"),
    [
        ("desired/pods/default/..", "Invalid"),
        ("desired/pods/../web", "Invalid"),
        ("desired/pods/default/Web", "Invalid"),
        ("desired/pods/default/", "Invalid"),
        ("desired/pods//web", "Invalid"),
        ("desired/pods/default/" + "a" * 254, "Invalid"),
        ("desired/pods/a.b/web", "Invalid"),
        ("desired/pods/default/we\u0000b", "Invalid"),
        ("desired/pods/web", "NotFound"),
        ("desired/pods/default/web/status", "NotFound"),
        ("desired/pod/default/web", "NotFound"),
        ("desired/po/default/web", "NotFound"),
        ("desired/widgets/default/web", "NotFound"),
        ("desired/", "NotFound"),
        ("desired/nodes/pi-01", "MethodNotAllowed"),
        ("desired/events/default/x", "MethodNotAllowed"),
        ("desired/deployments/default/web", "MethodNotAllowed"),
        ("desired/index", "MethodNotAllowed"),
        ("desired/node/config", "MethodNotAllowed"),
    ],
)
def test_a_topic_that_names_nothing_is_refused_with_a_reason(topic: str, reason: str) -> None:
    with pytest.raises(EdgeletError) as caught:
        desired_topics.key_of(topic)
    assert caught.value.reason == reason


@given(st.text(max_size=300))
def test_no_topic_breaks_the_reading_and_refusals_stay_short(rest: str) -> None:
    message, name = "", ""
    try:
        name = desired_topics.key_of("desired/" + rest).name
    except EdgeletError as error:
        message = error.message
    assert len(message) < 2000
    assert rest.endswith(name)


def test_the_object_of_the_topic_is_taken_with_or_without_its_namespace() -> None:
    for metadata in ({}, {"namespace": "default"}):
        found = document(**metadata)
        assert desired_topics.only((found,), WEB) is found


@pytest.mark.parametrize(
    ("documents", "path"),
    [
        ((document(name="other"),), "metadata.name"),
        ((document(namespace="other"),), "metadata.namespace"),
        (({**document(), "kind": "ConfigMap"},), "kind"),
        (({"kind": "Pod"},), "metadata.name"),
        (({"kind": "Pod", "metadata": ["x"]},), "metadata.name"),
        (({"kind": "Pod", "metadata": {"name": 5}},), "metadata.name"),
        ((), ""),
        ((document(), document()), ""),
    ],
)
def test_another_object_than_the_topics_is_refused_with_the_path(documents: tuple[Any, ...], path: str) -> None:
    with pytest.raises(InvalidObjectError) as caught:
        desired_topics.only(documents, WEB)
    assert [fault.path for fault in caught.value.faults] == [path]
