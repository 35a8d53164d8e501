r"""Selectors of a list, `labels\nfields`: conditions that can be held against an object, or a refusal."""

from __future__ import annotations

from edgelet.remote import selectors
from edgelet.remote.refusal import RefusedError
from tests import builders

_POD = builders.complete_pod_document()


def try_input(data: bytes) -> None:
    """What is read can be asked."""
    labels, _, fields = data.decode("utf-8", "replace").partition("\n")
    try:
        selector = selectors.parse(labels=labels, fields=fields, kind="Pod")
    except RefusedError as error:
        assert error.code == 400
        return
    selector.matches(_POD)
