"""What the demonstration shows: steps with their time, commands with what they print."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.markup import escape

console = Console(highlight=False)


@contextmanager
def step(done: str, doing: str = "") -> Iterator[Callable[[str], None]]:
    """Show a step while it goes on, and how long it took."""
    begin = time.monotonic()
    what = escape(doing or done)
    with console.status(what) as status:
        yield lambda words: status.update(f"{what}: {escape(words)}")
    console.print(f"[green]✓[/] {escape(done)} [dim]({time.monotonic() - begin:.1f} s)[/]", soft_wrap=True)


def show(command: str, output: str) -> None:
    """Show a command and what it printed."""
    console.print(f"[bold]$ {escape(command)}[/]")
    console.print(f"{escape(output)}\n", soft_wrap=True)


def say(text: str) -> None:
    """Print a line between the steps."""
    console.print(escape(text), soft_wrap=True)
