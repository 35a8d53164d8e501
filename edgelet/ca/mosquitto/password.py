"""mosquitto_passwd's format: `user:$7$iterations$salt$hash`, PBKDF2 with SHA-512.

Source: mosquitto 2.0, apps/mosquitto_passwd: 12 bytes of salt, 64 of hash, 101 iterations. The password is 24 random
bytes, so more iterations would only cost the broker.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import os

_ITERATIONS = 101
_SALT_BYTES = 12


def line(user: str, password: str) -> str:
    """A line of the password file, with a new salt."""
    salt = os.urandom(_SALT_BYTES)
    hashed = _hash(password, salt, _ITERATIONS)
    return f"{user}:$7${_ITERATIONS}${base64.b64encode(salt).decode()}${base64.b64encode(hashed).decode()}\n"


def matches(text: str, user: str, password: str) -> bool:
    """Whether the file is one line and lets this user in with this password."""
    try:
        name, _, rest = text.rstrip("\n").partition(":")
        _, kind, iterations, salt, hashed = rest.split("$")
        expected = _hash(password, base64.b64decode(salt), int(iterations))
        return name == user and kind == "7" and hmac.compare_digest(expected, base64.b64decode(hashed))
    except (ValueError, binascii.Error):
        return False


def _hash(password: str, salt: bytes, iterations: int) -> bytes:
    return hashlib.pbkdf2_hmac("sha512", password.encode(), salt, iterations)
