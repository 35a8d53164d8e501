"""The whole way of a board from a join line to files that are in place."""

from __future__ import annotations

import secrets
from collections.abc import Callable

from edgelet.adapters.x509 import certificates, requests
from edgelet.api import enrolment, join_line, revocations
from edgelet.api.enrolment import JoinRequest, Reply
from edgelet.api.errors import ConflictError
from edgelet.api.join_line import JoinLine
from edgelet.api.revocations import Revocations
from edgelet.cli.joining import answer, board_files
from edgelet.cli.joining.board_files import BoardFiles, Joined
from edgelet.cli.joining.question import Question
from edgelet.config.edit import Changes


def join(line: JoinLine, files: BoardFiles, *, within_s: float, force: bool, say: Callable[[str], None]) -> str:
    """Get a certificate for the line's node and put everything in place; returns what was done, in words.

    Raises:
        CliError: The registrar refuses or cannot be reached.
        EdgeletError: The file system refuses, or the settings cannot be changed.
    """
    joined = Joined(line.id, line.node)
    if files.finish() is not None:
        say("a join that was interrupted is finished")
    before = files.joined()
    if before == joined:
        return f"this board is {line.node} already"
    if before is not None and before.node != line.node and not force:
        raise ConflictError(f"cannot join as {line.node}: this board is {before.node}; --force if that is meant")
    changes = _changes(line, files)
    files.check_settings(changes)
    reply, known = _ask(line, files, joined, within_s=within_s, say=say)
    if warning := answer.clock_warning(reply):
        say(warning)
    files.make_ready(
        certificate=reply.certificate.encode(),
        authorities=reply.ca.encode(),
        revoked=revocations.encode(known),
        password=line.password,
        changes=changes,
    )
    files.finish()
    return f"this board is {line.node} now; its certificate and key are in {files.directory}"


def _ask(
    line: JoinLine, files: BoardFiles, joined: Joined, *, within_s: float, say: Callable[[str], None]
) -> tuple[Reply, Revocations]:
    key = files.key_for(joined)
    token_keys = enrolment.token_keys(line.secret)
    roots = certificates.read(join_line.ca_pem(line), name="join line")
    request = JoinRequest(
        token=line.id,
        node=line.node,
        csr=requests.make(key, line.node).decode(),
        nonce=secrets.token_hex(enrolment.NONCE_CHARACTERS // 2),
    ).maced(token_keys)
    question = Question(
        line=line,
        authorities=files.keep_roots(join_line.ca_pem(line)),
        request=request,
        believed=lambda reply: answer.is_believed(reply, token_keys=token_keys, roots=roots),
        say=say,
    )
    reply = question.ask(within_s=within_s)
    return reply, answer.check(reply, node=line.node, key=key)


def _changes(line: JoinLine, files: BoardFiles) -> Changes:
    tenant, _, name = line.node.partition("/")
    pki = files.directory
    changes = {
        "node": {"tenant": tenant, "name": name},
        "mqtt": {
            "url": line.link,
            "prefix": line.prefix,
            "client_cert": str(pki / board_files.CERTIFICATE),
            "client_key": str(pki / board_files.KEY),
            "ca": str(pki / board_files.AUTHORITIES),
        },
        "identity": {"join_url": line.broker},
    }
    if line.user:
        changes["identity"] |= {"user": line.user, "password_file": str(pki / board_files.PASSWORD)}
    return changes
