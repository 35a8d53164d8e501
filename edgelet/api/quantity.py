"""Amounts of a resource, exact: 100m, 1.5Gi, 2e3. Parsed, compared and rendered as Kubernetes does.

Source: apimachinery pkg/api/resource/quantity.go.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal, Self

from pydantic_core import core_schema

if TYPE_CHECKING:
    from pydantic import GetCoreSchemaHandler

Format = Literal["DecimalSI", "BinarySI", "DecimalExponent"]

_NANO = 10**9
_BINARY = {"Ki": 1024, "Mi": 1024**2, "Gi": 1024**3, "Ti": 1024**4, "Pi": 1024**5, "Ei": 1024**6}
_DECIMAL = {"n": -9, "u": -6, "m": -3, "": 0, "k": 3, "M": 6, "G": 9, "T": 12, "P": 15, "E": 18}
_DECIMAL_SUFFIX = {exponent: suffix for suffix, exponent in _DECIMAL.items()}
_BINARY_SUFFIX = ["", *_BINARY]
_NUMBER = re.compile(r"([+-]?)(\d*)(?:\.(\d*))?(Ki|Mi|Gi|Ti|Pi|Ei|[numkMGTPE]?|[eE][+-]?\d{1,3})", re.ASCII)
_MAX_CHARACTERS = 64  # nobody means more; keeps the arithmetic small
_MAX_EXPONENT = 30
_MAX_NANO = 10**_MAX_EXPONENT * _NANO
_MAX_BINARY = (2**63 - 1) * _NANO


@dataclass(frozen=True, slots=True, order=True)
class Quantity:
    """An amount in billionths, and the notation it was given in. Equal amounts are equal whatever the notation."""

    nano: int
    format: Format = field(default="DecimalSI", compare=False)

    @classmethod
    def parse(cls, text: str) -> Self:
        """Return the amount of a text. Finer than a billionth is rounded away from zero.

        Raises:
            ValueError: Not a quantity, or beyond 1e30.
        """
        match = _NUMBER.fullmatch(text) if len(text) <= _MAX_CHARACTERS else None
        if match is None or not (match[2] or match[3]):
            raise ValueError(f"{text!r} is no quantity such as 100m, 1.5Gi or 2e3")
        sign, whole, fraction, suffix = match.groups()
        digits = int(whole + (fraction or ""))
        places = len(fraction or "")
        if suffix in _BINARY:
            nano, form = _divide_up(digits * _BINARY[suffix] * _NANO, 10**places), "BinarySI"
            nano = min(nano, _MAX_BINARY)
        else:
            exponent, form = (
                (_DECIMAL[suffix], "DecimalSI") if suffix in _DECIMAL else (int(suffix[1:]), "DecimalExponent")
            )
            if abs(exponent) > _MAX_EXPONENT:
                raise ValueError(f"{text!r} is out of range")
            power = 9 + exponent - places
            nano = digits * 10**power if power >= 0 else _divide_up(digits, 10**-power)
        if nano > _MAX_NANO:  # many digits and a suffix: written out, it could not be read again
            raise ValueError(f"{text!r} is out of range")
        if form == "BinarySI" and 0 < nano < _NANO:
            form = "DecimalSI"
        return cls(-nano if sign == "-" else nano, form)  # type: ignore[arg-type]

    @classmethod
    def of_milli(cls, milli: int) -> Self:
        """Return an amount of thousandths, in decimal notation: 1500 is 1500m."""
        return cls(milli * 10**6)

    @classmethod
    def of_bytes(cls, amount: int) -> Self:
        """Return a whole amount in binary notation: 1048576 is 1Mi."""
        return cls(amount * _NANO, "BinarySI")

    def to_milli(self) -> int:
        """Return thousandths, rounded away from zero."""
        return _away(self.nano, 10**6)

    def to_units(self) -> int:
        """Return whole units (bytes, cores, pods), rounded away from zero."""
        return _away(self.nano, _NANO)

    to_bytes = to_units

    def rounded_up_to_milli(self) -> Self:
        """Return the amount without anything finer than a thousandth, as resource lists are stored."""
        return type(self)(self.to_milli() * 10**6, self.format)

    def __add__(self, other: Quantity) -> Quantity:
        nano = max(-_MAX_NANO, min(self.nano + other.nano, _MAX_NANO))  # a sum can be read again, too
        return Quantity(nano, self.format if self.nano else other.format)

    def __bool__(self) -> bool:
        return self.nano != 0

    def __str__(self) -> str:
        if self.format == "BinarySI" and abs(self.nano) >= 1024 * _NANO and self.nano % _NANO == 0:
            return _binary(self.nano // _NANO)
        return _decimal(self.nano, self.format)

    @classmethod
    def __get_pydantic_core_schema__(cls, source: Any, handler: GetCoreSchemaHandler) -> core_schema.CoreSchema:
        return core_schema.no_info_plain_validator_function(_validate, serialization=core_schema.to_string_ser_schema())


def _validate(value: object) -> Quantity:
    if isinstance(value, Quantity):
        return value
    if isinstance(value, str):
        return Quantity.parse(value)
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        return Quantity.parse(str(value))
    raise ValueError("must be a quantity: a string or a number")


def _divide_up(amount: int, divisor: int) -> int:
    return -(-amount // divisor)


def _away(nano: int, divisor: int) -> int:
    return _divide_up(nano, divisor) if nano >= 0 else -_divide_up(-nano, divisor)


def _binary(amount: int) -> str:
    power = 0
    while amount % 1024 == 0 and power < len(_BINARY):
        amount //= 1024
        power += 1
    return f"{amount}{_BINARY_SUFFIX[power]}"


def _decimal(nano: int, form: Format) -> str:
    if nano == 0:
        return "0"
    mantissa, exponent = nano, -9
    while mantissa % 1000 == 0:
        mantissa //= 1000
        exponent += 3
    if form == "DecimalExponent" or exponent not in _DECIMAL_SUFFIX:
        return f"{mantissa}e{exponent}" if exponent else str(mantissa)
    return f"{mantissa}{_DECIMAL_SUFFIX[exponent]}"
