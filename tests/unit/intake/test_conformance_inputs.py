"""What the conformance cases want refused is refused at the door; what they want run gets in, or is told why not."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from edgelet.api.errors import EdgeletError, InvalidObjectError
from edgelet.intake import refusal, yaml_dialect
from edgelet.intake.admit import House
from edgelet.intake.reception import Reception
from edgelet.intake.successors import Successors
from tests import builders
from tests.fakes.object_store import FakeObjectStore
from tests.fakes.virtual_time import VirtualClock

CASES = Path(__file__).parents[3] / "tests/conformance/cases"
ACTED = {"Pod", "ConfigMap", "Secret"}


def _reception() -> Reception:
    store = FakeObjectStore()
    return Reception(
        store=store,
        successors=Successors(store, VirtualClock()),
        house=House(node_name="node", policy=builders.policy()),
        max_object_bytes=131_072,
        make_suffix=lambda: "abcde",
    )


def _case(path: Path) -> dict[str, Any]:
    text = path.read_text().replace("${NODE}", "node").replace("${NS}", "c1").replace("${HOSTIP}", "192.0.2.1")
    found: dict[str, Any] = yaml_dialect.read(text)[0]
    return found


def _rejections() -> list[Any]:
    found = []
    for path in sorted(CASES.glob("*.yaml")):
        for number, step in enumerate(_case(path)["steps"]):
            found += [
                pytest.param(document, step.get("matches", ""), id=f"{path.stem}-{number}")
                for document in step.get("reject", ())
                if document["kind"] in ACTED
            ]
    return found


@pytest.mark.parametrize(("document", "matches"), _rejections())
async def test_an_invalid_object_is_refused_in_the_words_the_case_expects(document: Any, matches: str) -> None:
    reception = _reception()
    [read] = reception.read(json.dumps(document).encode())

    with pytest.raises(InvalidObjectError, match=matches) as caught:
        await reception.apply(read, source="api")

    code, status = refusal.answer(caught.value)
    assert code == 422
    assert all(cause["field"] for cause in status["details"]["causes"])


def _manifests() -> list[Any]:
    found = []
    for path in sorted(CASES.glob("*.yaml")):
        manifests = _case(path).get("manifests") or []
        found += [
            pytest.param(document, id=f"{path.stem}-{number}")
            for number, document in enumerate(manifests)
            if document["kind"] in ACTED
        ]
    return found


@pytest.mark.parametrize("document", _manifests())
async def test_an_object_of_a_case_gets_in_or_is_only_not_supported_yet(document: Any) -> None:
    reception = _reception()
    [read] = reception.read(json.dumps(document).encode())

    try:
        accepted = await reception.apply(read, source="api", default_namespace="c1")
    except InvalidObjectError as error:
        strange = [str(fault) for fault in error.faults if "not supported" not in fault.message]
        assert strange == []
    else:
        assert accepted.warnings == ()


async def test_a_stream_with_a_list_and_a_comment_gets_in() -> None:
    reception = _reception()

    documents = reception.read(_case(CASES / "input-list-and-multidoc.yaml")["manifestText"].encode())

    assert [(await reception.apply(one, source="api")).object.key.name for one in documents] == ["one", "two"]


@pytest.mark.parametrize("payload", [b"", b"\xff", b"x" * 600_000, b"kind: Pod", b"[" * 100_000, b"a: b: c"])
def test_what_is_no_manifest_gets_a_status_of_four_hundred_and_something(payload: bytes) -> None:
    with pytest.raises(EdgeletError) as caught:
        _reception().read(payload)

    assert 400 <= refusal.code(caught.value) < 500
