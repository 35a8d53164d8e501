"""Questions to the registrar, and the answers that are waited for."""

from __future__ import annotations

import asyncio

from edgelet.api.errors import BusError
from edgelet.ports.own_certificate import CertificateFiles, IdentityLink, RegistrarQuestion, RegistrarReply

ISSUED = "cert/issued/"
_ASK_AGAIN_S = 10.0  # PROTOCOL.md


class Questions:
    """Asks over the link, or at the join listener where there is no link."""

    def __init__(self, files: CertificateFiles, link: IdentityLink, *, answer_s: float) -> None:
        """`answer_s` bounds the wait for one answer."""
        self._files = files
        self._link = link
        self._answer_s = answer_s
        self._answers: dict[str, asyncio.Future[bytes]] = {}

    async def ask(self, question: RegistrarQuestion) -> RegistrarReply:
        """Ask, and return what the answer says once it was checked. Raises BusError."""
        return await self._files.accept(await self._answer(question), nonce=question.nonce)

    def hear(self, topic: str, payload: bytes) -> None:
        """Take what came on a topic below ISSUED; nobody waits for what is not of ours."""
        answer = self._answers.get(topic.removeprefix(ISSUED))
        if answer is not None and not answer.done():
            answer.set_result(payload)

    async def _answer(self, question: RegistrarQuestion) -> bytes:
        """Return the answer, over the link or from the join listener. Raises BusError."""
        if not self._link.connected:
            return await self._link.ask_at_join_listener(question, timeout_s=self._answer_s)
        answer: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()
        self._answers[question.nonce] = answer
        try:
            async with asyncio.timeout(self._answer_s):
                while not answer.done():
                    if self._link.connected:
                        await self._link.send(question)  # again: a registrar that was killed has lost it
                    await asyncio.wait([answer], timeout=_ASK_AGAIN_S)
                return answer.result()
        except TimeoutError as error:
            why = f"no registrar answered within {self._answer_s:g} s; does one run (edgelet ca serve)?"
            raise BusError("RegistrarSilent", f"cannot renew the certificate: {why}") from error
        finally:
            del self._answers[question.nonce]
