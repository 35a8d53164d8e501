"""Patches in the three forms that kubectl sends."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from typing import Any

from edgelet.api.errors import DecodeError
from edgelet.intake import merge_patch, strategic_patch

_MAX_OPERATIONS = 10_000  # as Kubernetes bounds a JSON patch


def apply(document: Mapping[str, Any], patch: Any, *, patch_type: str) -> dict[str, Any]:
    """Return the patched document; `patch_type` is merge, strategic or json.

    Raises:
        DecodeError: The patch has the wrong shape, or does not fit the document.
    """
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

    try:
        patched = jsonpatch.apply_patch(copy.deepcopy(dict(document)), patch)
    except (jsonpatch.JsonPatchException, JsonPointerException, KeyError, TypeError, ValueError, IndexError) as error:
        raise DecodeError(f"cannot apply the patch: {str(error) or type(error).__name__}") from None
    if not isinstance(patched, dict):
        raise DecodeError("cannot apply the patch: it leaves no object")
    return patched
