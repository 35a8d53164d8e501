from __future__ import annotations

import pytest

from edgelet.adapters.podman.clearing import Clearing
from edgelet.adapters.podman.errors import LibpodError
from edgelet.api.errors import EngineError


async def test_a_refusal_leaves_one_thing_and_the_rest_is_swept() -> None:
    done = []

    async def refused() -> None:
        raise LibpodError(500, "joining network namespace: no such file")

    async def swept() -> None:
        done.append(1)

    clearing = Clearing(refused, swept)
    await clearing.run()
    assert (done, clearing.unswept) == ([1], True)
    clearing = Clearing(swept)
    await clearing.run()
    assert not clearing.unswept


@pytest.mark.parametrize("error", [EngineError("EngineUnavailable", "no answer"), OSError(28, "no space")])
async def test_an_engine_that_does_not_answer_is_told(error: Exception) -> None:
    async def fails() -> None:
        raise error

    with pytest.raises(EngineError) as caught:
        await Clearing(fails).run()
    assert caught.value.reason == "EngineUnavailable"
