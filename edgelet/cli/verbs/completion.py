"""`completion`: the set-up that lets a shell complete edgelet's words."""

from __future__ import annotations

import os

from edgelet.cli import main
from edgelet.cli.failure import UsageError
from edgelet.cli.verb import Call, Verb

SHELLS = ("bash", "zsh", "fish")

VERB = Verb(
    usage="completion (bash | zsh | fish)",
    about="Print the set-up of completion for a shell.",
    examples="""
edgelet completion bash | sudo tee /etc/bash_completion.d/edgelet
edgelet completion fish > ~/.config/fish/completions/edgelet.fish""",
)


def run(call: Call) -> int:
    """Print the script of one shell."""
    if len(call.arguments) != 1 or call.arguments[0] not in SHELLS:
        raise UsageError(f"name one shell: {', '.join(SHELLS)}")
    os.environ[main.COMPLETE] = f"source_{call.arguments[0]}"
    return main.complete()
