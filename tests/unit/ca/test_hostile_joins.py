"""Whatever somebody who sees all requests makes of them, nobody gets a certificate but who the tokens are for."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from edgelet.adapters.x509 import certificates, keys
from edgelet.api import enrolment
from edgelet.api.enrolment import JoinRequest
from edgelet.api.enrolment_topics import Origin
from edgelet.ca import creation, join_lines, registrar_identity
from edgelet.ca.authority import Authority
from edgelet.ca.registrar import Policy, Registrar
from tests.fixtures.joiner import Joiner

WHERE = {"broker": "mqtts://b:8884", "link": "mqtts://b:8883", "prefix": "edgelet/v1"}
BOOT = Origin("t", "r", "")
FIELDS = ("token", "node", "csr", "nonce", "mac")
_numbers = itertools.count()

# One of the requests that were seen, a field of it taken from another one, MACed anew by the thief or not, to whom.
step = st.tuples(
    st.integers(0, 4), st.sampled_from((*FIELDS, "")), st.integers(0, 4), st.booleans(), st.booleans(), st.booleans()
)


@pytest.fixture(scope="module")
def registrars(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Authority, tuple[Registrar, Registrar]]]:
    directory = tmp_path_factory.mktemp("ca") / "ca"
    now = datetime(2030, 1, 1, tzinfo=UTC)
    with creation.create(directory, now=lambda: now) as one, Authority.open(directory, now=lambda: now) as two:
        yield one, (registrar(one, "r1"), registrar(two, "r2"))


def registrar(authority: Authority, name: str) -> Registrar:
    own = registrar_identity.ensure(authority, name)
    return Registrar(authority, signer=lambda: own, policy=Policy(), monotonic_s=lambda: 0.0)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(steps=st.lists(step, max_size=12))
def test_only_the_right_key_gets_the_right_name_and_only_one_certificate(
    registrars: tuple[Authority, tuple[Registrar, Registrar]], steps: list[tuple[int, str, int, bool, bool, bool]]
) -> None:
    authority, both = registrars

    def joiner() -> Joiner:
        node = f"default/n{next(_numbers)}"
        return Joiner(join_lines.create(authority, WHERE, node=node, ttl_s=1800, any_ttl=False))

    boards, thief = (joiner(), joiner()), joiner()
    seen = [boards[0].join(), boards[0].join(), boards[1].join(), thief.join(), thief.join(node=boards[0].line.node)]
    entitled = {(one.line.node, keys.digest(one.key.public_key())) for one in (*boards, thief)}
    given_out: dict[str, str] = {}

    def send(request: JoinRequest, *, second: bool) -> None:
        payload = both[second].answer(BOOT, enrolment.encode_request(request))
        assert payload is not None
        reply = enrolment.decode_reply(payload)
        if reply.code != enrolment.OK:
            assert not reply.certificate
            return
        leaf = certificates.read(reply.certificate.encode())[0]
        assert (leaf.common_name, leaf.key_digest) in entitled
        assert given_out.setdefault(leaf.common_name, leaf.serial) == leaf.serial

    for base, field, other, own_csr, maced, second in steps:
        request = seen[base]
        if field:
            request = replace(request, **{field: getattr(seen[other], field)})
        if own_csr:
            request = replace(request, csr=thief.csr(request.node))
        send(request.maced(thief.token_keys) if maced else request, second=second)
    for board in boards:  # and the boards themselves come through
        send(board.join(), second=True)
        assert board.line.node in given_out
