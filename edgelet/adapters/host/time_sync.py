"""Whether the kernel's clock is disciplined, by adjtimex."""

from __future__ import annotations

from pathlib import Path

# The kernel raises the estimated error by itself until it sticks at 16 s; whoever sets the clock resets it.
_MAX_ERROR_US = 16_000_000
# systemd-timesyncd touches it once it has set the clock in this boot; the kernel forgets after nine hours without news.
_TIMESYNCD = Path("/run/systemd/timesync/synchronized")


def vouched_for(marker: Path = _TIMESYNCD) -> bool:
    """Whether somebody has set the clock right in this boot, as far as the kernel or systemd knows."""
    return marker.exists() or synchronized(max_error_us())


def synchronized(max_error_us: int | None) -> bool:
    """Tell by the kernel's maximum error; None (not known) is not synchronised.

    Source: systemd's ntp_synced: STA_UNSYNC is no measure, it is also set to keep the kernel off the RTC.
    """
    return max_error_us is not None and max_error_us < _MAX_ERROR_US


def max_error_us() -> int | None:
    """Ask the kernel for its maximum error; None where it does not tell."""
    import ctypes  # noqa: PLC0415  0.5 MB that only this call needs

    class Timex(ctypes.Structure):
        """struct timex up to the field we read; the rest is room."""

        _fields_ = (
            ("modes", ctypes.c_uint),  # 0: read only, needs no right
            ("offset", ctypes.c_long),
            ("freq", ctypes.c_long),
            ("maxerror", ctypes.c_long),
            ("room", ctypes.c_char * 256),
        )

    timex = Timex()
    try:
        state = ctypes.CDLL(None, use_errno=True).adjtimex(ctypes.byref(timex))
    except (OSError, AttributeError):
        return None
    return int(timex.maxerror) if state >= 0 else None
