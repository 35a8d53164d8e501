"""`version`: of this command, and of the agent that answers."""

from __future__ import annotations

import sys

from edgelet import __version__
from edgelet.cli import output
from edgelet.cli.failure import CliError
from edgelet.cli.flags import Flag
from edgelet.cli.verb import Call, Verb

VERB = Verb(
    usage="version [OPTIONS]",
    about="Show the version of this command and of the agent that answers.",
    examples="""
edgelet version
edgelet version --client
edgelet version -o json""",
    flags=(
        Flag("client", "The version of this command alone."),
        Flag("output", "json or yaml", short="o", value="FORMAT"),
    ),
)


def run(call: Call) -> int:
    """Print the versions; 1 if the agent does not answer, with this command's version all the same."""
    call.no_arguments()
    form = output.parse(call.parsed.text("output"))
    if form.form not in {"", "json", "yaml"}:
        raise CliError("--output must be 'yaml' or 'json'")
    versions: dict[str, object] = {"clientVersion": {"gitVersion": f"v{__version__}"}}
    fault: CliError | None = None
    if not call.parsed.switch("client"):
        try:
            versions["serverVersion"] = call.agent().read("/version")
        except CliError as error:
            fault = error
    if form.form:
        print(output.render(form, versions, names=()), end="")
    else:
        print(f"Client Version: v{__version__}")
        server = versions.get("serverVersion")
        if isinstance(server, dict):
            print(f"Server Version: {server.get('gitVersion', '')}")
    if fault:
        sys.stdout.flush()
        print(fault, file=sys.stderr)
    return 1 if fault else 0
