"""`join`: this board becomes a node of a fleet."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

from edgelet.cli.failure import CliError, UsageError
from edgelet.cli.flags import Flag
from edgelet.cli.verb import Call, Verb

if TYPE_CHECKING:
    from edgelet.api.join_line import JoinLine
    from edgelet.cli.joining.board_files import BoardFiles

VERB = Verb(
    usage="join (LINE | - | --file PATH) [OPTIONS]",
    about=(
        "Make this board a node: with the line that `edgelet token create` printed it gets a certificate, the settings "
        "of the link and a unit that starts with the board. Running it again, after whatever happened, is safe. "
        "Exit code 2: the line is none, or the registrar refuses; asking again changes nothing."
    ),
    examples="""
edgelet join edgelet1.eNqrVk...
edgelet join - < line.txt          # the line is not in the list of processes
edgelet join --file /boot/firmware/edgelet-join""",
    flags=(
        Flag(
            "file",
            "A file that holds the line, removed after success; of several the first there is.",
            value="PATH",
            repeated=True,
        ),
        Flag("config", "The settings to change, TOML.", value="FILE", default="/etc/edgelet/edgelet.toml"),
        Flag("pki", "Where key and certificate go.", value="DIRECTORY", default="/etc/edgelet/pki"),
        Flag("timeout", "How long to wait for an answer.", value="DURATION", default="2m"),
        Flag("force", "Join under another name than the one this board has."),
        Flag("no-start", "Do not enable and start edgelet.service."),
    ),
)


def run(call: Call) -> int:
    """Join; 0 once the board has what it needs."""
    from edgelet.api.errors import EdgeletError  # noqa: PLC0415  the rest of this verb is dear to load
    from edgelet.cli.joining import line_source, one_at_a_time  # noqa: PLC0415
    from edgelet.cli.joining.board_files import BoardFiles  # noqa: PLC0415

    names = call.parsed.texts("file")
    if bool(names) == bool(call.arguments) or len(call.arguments) > 1:
        raise UsageError("exactly one of LINE, - and --file is needed")
    path = line_source.first(names)
    board = BoardFiles(Path(call.parsed.text("pki")).absolute(), Path(call.parsed.text("config")).absolute())
    if names and path is None and not board.is_unfinished:
        print(f"nothing to do: there is no {' and no '.join(names)}")
        return 0
    try:
        with one_at_a_time.hold(board.directory):
            if names and path is None:
                finished = board.finish()
                print(f"the join as {finished.node if finished else ''} that was interrupted is finished")
            else:
                line = line_source.of_file(path) if path else line_source.of_argument(call.arguments[0])
                print(_joined(call, line, board))
            if path:
                print(line_source.blank(path))
    except EdgeletError as error:
        raise CliError(error.message) from error
    if not call.parsed.switch("no-start"):
        from edgelet.cli.joining import service  # noqa: PLC0415

        print(service.start())
    return 0


def _joined(call: Call, line: JoinLine, board: BoardFiles) -> str:
    from edgelet.cli.joining import enrol  # noqa: PLC0415

    return enrol.join(
        line,
        board,
        within_s=call.parsed.duration_s("timeout"),
        force=call.parsed.switch("force"),
        say=lambda text: print(text, file=sys.stderr),
    )
