"""The quickstart from its first step to its last; see scripts/quickstart for its use."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from types import FrameType
from typing import NoReturn

from rich.markup import escape

from scripts.demo import board, broker, clean_up, engine, free, place, pod, processes, secure_tour
from scripts.demo.failure import DemoError
from scripts.demo.place import Place
from scripts.demo.screen import console, show, step

_EXAMPLE = Path("configs/examples/web-with-sidecar.yaml")
_EXAMPLE_PORT = 18080
_AGENT_S = float(os.environ.get("EDGELET_DEMO_AGENT_S", "60"))
_READY_S = 120.0
_GONE_S = 60.0
_LOG_LINES = 15
_INTERRUPTED = 130


def main(argv: list[str]) -> int:
    """Run the demonstration, or remove an old one. Returns the exit code."""
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, _interrupt)
    if argv[:1] == ["--clean"]:
        return _clean(argv[1:])
    try:
        here = _prepare()
    except OSError as error:
        console.print(f"[red]error:[/] cannot begin: {escape(str(error))}. Is /tmp full or read-only?", soft_wrap=True)
        return 1
    return _run(here, keep="--keep" in argv, secure="--secure" in argv)


def _run(here: Place, *, keep: bool, secure: bool) -> int:
    try:
        if secure:
            secure_tour.demonstrate(here, keep=keep)
        else:
            _demonstrate(here)
        if not (keep or secure):
            with step("Deleted over MQTT: an empty message on the same topic, and all is gone"):
                pod.publish(here, "-n")
                pod.wait_until_gone(here, timeout_s=_GONE_S)
    except KeyboardInterrupt:
        console.print("\n[yellow]interrupted[/]")
        _end(here)
        return _INTERRUPTED
    except (DemoError, OSError, subprocess.SubprocessError) as error:
        _explain(here, error)
        if keep:
            _how_to_look(here, secure=secure)
        else:
            _end(here)
        return 1
    if keep:
        _how_to_look(here, secure=secure)
        return 0
    return _end(here)


def _interrupt(_number: int, _frame: FrameType | None) -> NoReturn:
    raise KeyboardInterrupt


def _prepare() -> Place:
    base = place.make_directory()
    here = Place(
        base=base,
        bridge=base.name.replace(place.PREFIX, "eldemo-"),
        pool=free.pool(),
        broker_port=free.port(),
        join_port=free.port(),
        host_port=free.port(wanted=_EXAMPLE_PORT, address="0.0.0.0"),  # noqa: S104  a hostPort is on all addresses
    )
    here.write()
    console.print(f"[dim]Everything lies in {base}.[/]")
    return here


def _demonstrate(here: Place) -> None:
    begin = time.monotonic()
    with step(f"A broker: mosquitto on 127.0.0.1:{here.broker_port}"):
        broker.start(here)
    with step("The agent: edgelet agent --config edgelet.toml"):
        board.write_settings(here)
        board.start(here)
        board.wait_until_ready(here, timeout_s=_AGENT_S)
    with step(f"An image of this machine's busybox: {engine.IMAGE}"):
        engine.make_image(here)
    text = _EXAMPLE.read_text()
    here.manifest.write_text(text.replace(f"hostPort: {_EXAMPLE_PORT}", f"hostPort: {here.host_port}"))
    console.print(f"\n[bold]$ mosquitto_pub -q 1 -r -t {pod.WISH} -f {_EXAMPLE}[/]\n", soft_wrap=True)
    with step("The Pod is Running and Ready: its status came over MQTT", "waiting for the Pod") as tell:
        pod.publish(here, "-f", str(here.manifest))
        pod.wait_until_ready(here, timeout_s=_READY_S, tell=tell)
    show(f"curl http://127.0.0.1:{here.host_port}/", pod.page(here))
    show("edgelet get pods -o wide", board.command(here, "get", "pods", "-o", "wide"))
    show("edgelet top pods", _usage(here))
    for container in ("server", "sidecar"):
        show(
            f"edgelet logs {pod.NAME} -c {container} --tail 3",
            board.command(here, "logs", pod.NAME, "-c", container, "--tail", "3"),
        )
    console.print(
        "[yellow]This broker asks nobody who he is and encrypts nothing: NOT FOR THE FIELD.[/] As in the field: "
        "scripts/quickstart --secure",
        soft_wrap=True,
    )
    console.print(f"\nFrom nothing to a served page in {time.monotonic() - begin:.1f} s.\n")


def _usage(here: Place) -> str:
    """CPU is a difference of two looks: ask until there are two."""
    for _ in range(20):
        text = board.command(here, "top", "pods")
        if pod.NAME in text:
            return text
        time.sleep(0.25)
    return text


def _explain(here: Place, error: Exception) -> None:
    tail = processes.tail(here.agent_log, _LOG_LINES)
    if tail:
        show(f"tail agent.log  (the last {_LOG_LINES} lines)", tail)
    if board.readiness(here):
        show(f"edgelet describe pod {pod.NAME}", board.command(here, "describe", "pod", pod.NAME))
    console.print(f"[red]error:[/] {escape(str(error))}", soft_wrap=True)
    remedy = error.remedy if isinstance(error, DemoError) else "This was not foreseen: please report it with the above."
    console.print(f"{escape(remedy)}\nTo look around after a failure: scripts/quickstart --keep", soft_wrap=True)


def _end(here: Place) -> int:
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)  # half a cleaning would be worse
    with console.status("removing everything"):
        left = clean_up.everything(here)
    if left:
        console.print(
            f"[red]error:[/] could not remove {escape(', '.join(left))}; scripts/quickstart --clean tries again"
        )
        return 1
    console.print("[green]✓[/] Agent, broker, network and files are removed.")
    return 0


def _how_to_look(here: Place, *, secure: bool) -> None:
    listen = f"-p {here.broker_port}" if not secure else " ".join(secure_tour.listening(here))
    console.print(
        f"""Look at it:
  export EDGELET_SOCKET={here.api_socket}
  .venv/bin/edgelet get pods
  curl http://127.0.0.1:{here.host_port}/
  mosquitto_sub -V mqttv5 {listen} -v -t 'edgelet/v1/#'
  less {here.agent_log}
More to publish or to apply: configs/examples/. Remove all of it: scripts/quickstart --clean {here.base}""",
        soft_wrap=True,
    )


def _clean(directories: list[str]) -> int:
    code = 0
    found = place.left_behind(directories)
    for one in found:
        base = one.base if isinstance(one, Place) else one
        with console.status(f"removing {base}"):
            left = clean_up.everything(one) if isinstance(one, Place) else clean_up.directory(one)
        if left:
            console.print(f"[red]error:[/] could not remove {escape(', '.join(left))}")
            code = 1
        else:
            console.print(f"[green]✓[/] removed {base}")
    if not found:
        console.print("Nothing is left of a demonstration.")
    return code


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
