from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

import pytest

from edgelet.api import time
from edgelet.api.errors import EdgeletError
from edgelet.intake import refusal
from edgelet.intake.command_guard import CommandGuard
from tests.fakes.object_store import FakeLedger

NOW = datetime(2026, 1, 1, tzinfo=UTC)
TOPIC = "cmd/restart/1"


def command(nonce: str = "0" * 32, *, life_s: int = 60) -> bytes:
    return json.dumps({"nonce": nonce, "expires": time.render(NOW + timedelta(seconds=life_s))}).encode()


async def code_of(guard: CommandGuard, payload: bytes) -> int:
    try:
        await guard.admit(TOPIC, payload)
    except EdgeletError as error:
        return refusal.code(error)
    return 200


async def test_a_command_passes_once_also_after_a_restart() -> None:
    ledger = FakeLedger()
    guard = CommandGuard(ledger, now=lambda: NOW)
    assert [await code_of(guard, command()) for _ in range(2)] == [200, 409]
    assert await code_of(CommandGuard(ledger, now=lambda: NOW), command()) == 409
    assert await code_of(guard, command("1" * 32)) == 200


async def test_a_command_has_its_time() -> None:
    guard = CommandGuard(FakeLedger(), now=lambda: NOW)
    assert await code_of(guard, command(life_s=0)) == 410
    assert await code_of(guard, command(life_s=3600)) == 403
    assert await code_of(CommandGuard(FakeLedger(), now=lambda: None), command()) == 503


@pytest.mark.parametrize("payload", [b"", b"[]", b"{}", command("short"), b'{"nonce":1,"expires":2}', b"[" * 99_999])
async def test_a_command_without_nonce_or_expiry_is_400(payload: bytes) -> None:
    assert await code_of(CommandGuard(FakeLedger(), now=lambda: NOW), payload) == 400


async def test_so_many_commands_are_remembered_and_the_expired_forgotten() -> None:
    ledger, moment = FakeLedger(), [NOW]
    guard = CommandGuard(ledger, now=lambda: moment[0])
    codes = [await code_of(guard, command(f"{number:032x}")) for number in range(513)]
    assert codes == [200] * 512 + [429]
    moment[0] = NOW + timedelta(minutes=6, seconds=1)
    assert await code_of(guard, command("f" * 32, life_s=400)) == 200
    assert len(json.loads(ledger.read("trust/commands") or b"")) == 1


@pytest.mark.parametrize("fact", [b"x", b"[]", b'{"a": "b"}', b'{"a": 1e99}'])
async def test_a_damaged_memory_of_nonces_keeps_no_board_from_starting(fact: bytes) -> None:
    ledger = FakeLedger()
    await ledger.write("trust/commands", fact)
    assert await code_of(CommandGuard(ledger, now=lambda: NOW), command()) == 200
