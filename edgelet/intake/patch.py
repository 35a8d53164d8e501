"""Patches in the three forms that kubectl sends."""

from __future__ import annotations

import copy
import json
from collections.abc import Mapping
from typing import Any

from edgelet.api.errors import DecodeError
from edgelet.intake import decode, merge_patch, strategic_patch

_MAX_OPERATIONS = 10_000  # as Kubernetes bounds a JSON patch
_MAX_COPIED_BYTES = 3 * 1024 * 1024  # of all copies together: each may double the document. Kubernetes has the same
# What jsonpatch raises for operations of another shape, and for a document of ten thousand levels.
_MISFITS = (KeyError, TypeError, ValueError, IndexError, AttributeError, RecursionError)


def apply(document: Mapping[str, Any], patch: Any, *, patch_type: str) -> dict[str, Any]:
    """Return the patched document; `patch_type` is merge, strategic or json.

    Raises:
        DecodeError: The patch has the wrong shape, or does not fit the document.
    """
    patch = decode.clean(patch)
    if patch_type == "json":
        return _json(document, patch)
    if not isinstance(patch, Mapping):
        raise DecodeError(f"cannot apply the patch: a {patch_type} patch is a mapping")
    if patch_type == "merge":
        return merge_patch.apply(document, patch)  # type: ignore[no-any-return]  # a mapping gives a mapping
    if patch_type == "strategic":
        return strategic_patch.apply(document, patch)
    raise DecodeError(f'"{patch_type}" is no type of patch: use merge, strategic or json')


def _json(document: Mapping[str, Any], patch: Any) -> dict[str, Any]:
    if not isinstance(patch, list):
        raise DecodeError("cannot apply the patch: a JSON patch is a list of operations")
    if len(patch) > _MAX_OPERATIONS:
        raise DecodeError(f"cannot apply the patch: more than {_MAX_OPERATIONS} operations")
    import jsonpatch  # noqa: PLC0415  rarely used and costs memory
    from jsonpointer import JsonPointerException  # noqa: PLC0415

    wrong = (jsonpatch.JsonPatchException, JsonPointerException, *_MISFITS)
    patched: Any = copy.deepcopy(dict(document))
    copied_bytes = 0
    for operation in patch:
        try:
            copied_bytes += _copied_bytes(patched, operation)
            if copied_bytes > _MAX_COPIED_BYTES:
                raise DecodeError(f"cannot apply the patch: its copies have more than {_MAX_COPIED_BYTES} bytes")
            patched = jsonpatch.apply_patch(patched, [operation], in_place=True)
        except jsonpatch.JsonPatchTestFailed:  # its words have both values, and they may be a Secret's
            raise DecodeError("cannot apply the patch: a test operation did not hold") from None
        except wrong as error:
            raise DecodeError(f"cannot apply the patch: {str(error) or type(error).__name__}") from None
    if not isinstance(patched, dict):
        raise DecodeError("cannot apply the patch: it leaves no object")
    return decode.clean(patched)  # type: ignore[no-any-return]  # an object stays one


def _copied_bytes(document: Any, operation: Any) -> int:
    """Return how much an operation copies. Raises what the library does for a place that is not there."""
    if not isinstance(operation, Mapping) or operation.get("op") != "copy":
        return 0
    from jsonpointer import resolve_pointer  # noqa: PLC0415  see _json

    return len(json.dumps(resolve_pointer(document, operation["from"])))
