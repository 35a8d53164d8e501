"""Starting the agent from its settings file."""

from __future__ import annotations

import asyncio
import logging
import os
import sys
from pathlib import Path

from edgelet.adapters.host import allocator, core_dumps
from edgelet.adapters.systemd.notify import SystemdNotifier
from edgelet.agent import log_format
from edgelet.agent.daemon import Daemon
from edgelet.api.errors import EdgeletError
from edgelet.config.load import load
from edgelet.config.settings import Settings

log = logging.getLogger(__name__)


def run(config_path: Path | None, *, check: bool) -> int:
    """Run the agent until it is told to stop; with `check` only judge the settings. Returns the exit code."""
    try:
        settings = load(config_path, os.environ)
    except EdgeletError as error:
        sys.stderr.write(f"error: {error.message}\n")
        return 1
    if check:
        sys.stdout.write(f"{config_path or 'the default settings'}: ok\n")
        return 0
    _configure_log(settings)
    if os.geteuid() != 0:
        sys.stderr.write("error: the agent needs root: it mounts volumes and runs containers\n")
        return 1
    allocator.settle()
    core_dumps.forbid()
    manager = SystemdNotifier(os.environ)

    def reload() -> None:
        manager.reloading()
        _reload(settings, config_path)
        manager.ready("settings read again")

    try:
        asyncio.run(Daemon(settings, manager=manager, reload=reload).run())
    except EdgeletError as error:
        log.critical("cannot start", extra={"reason": error.reason, "error": error.message})
        return 1
    except ExceptionGroup as group:
        log.critical("the agent broke", exc_info=group, extra={"reason": "InternalError"})
        return 1
    return 0


def _reload(running: Settings, config_path: Path | None) -> None:
    """Take over what may change while the agent runs: the log. The rest waits for a restart, and that is said."""
    try:
        fresh = load(config_path, os.environ)
    except EdgeletError as error:
        log.error("the settings stay as they are", extra={"reason": error.reason, "error": error.message})  # noqa: TRY400
        return
    _configure_log(fresh)
    changed = [
        name for name in Settings.model_fields if name != "log" and getattr(fresh, name) != getattr(running, name)
    ]
    log.info("settings read again", extra={"needs_restart": ",".join(changed) or "nothing"})


def _configure_log(settings: Settings) -> None:
    log_format.configure(
        level=settings.log.level, form=settings.log.format, under_journal="JOURNAL_STREAM" in os.environ
    )
