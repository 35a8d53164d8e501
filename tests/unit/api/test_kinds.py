from __future__ import annotations

import pytest

from edgelet.api import kinds


@pytest.mark.parametrize("word", ["po", "pod", "pods", "Pod", "PODS"])
def test_a_kind_answers_to_all_its_names(word: str) -> None:
    assert kinds.of_word(word) is kinds.of_kind("Pod")


def test_a_group_may_follow_the_plural() -> None:
    assert kinds.of_word("deployments.apps") is kinds.of_kind("Deployment")
    assert kinds.of_word("deployments.batch") is None


def test_a_document_needs_the_right_version() -> None:
    assert kinds.of_document("apps/v1", "Deployment") is not None
    assert kinds.of_document("v1", "Deployment") is None


def test_no_word_means_two_kinds() -> None:
    words = [word for kind in kinds.KINDS for word in (kind.plural, kind.singular, *kind.short_names)]

    assert len(words) == len(set(words))
