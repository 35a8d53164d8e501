"""A bound as the kubelet's settings say it: a quantity (100Mi), or a share of the whole (10%).

Source: Kubernetes pkg/kubelet/eviction/helpers.go parseThresholdStatement, api/types.go GetThresholdQuantity.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

from edgelet.api.quantity import Quantity

_WHOLE_PERCENT = 100


@dataclass(frozen=True, slots=True)
class Amount:
    """One of the two; `percent` counts where there is no quantity."""

    quantity: Quantity | None = None
    percent: float = 0.0

    @classmethod
    def parse(cls, text: str) -> Self:
        """Return the amount of a text.

        Raises:
            ValueError: Neither a quantity nor a percentage, or negative, or more than 100 %.
        """
        if not text.endswith("%"):
            quantity = Quantity.parse(text)
            if quantity < Quantity(0):
                raise ValueError(f"{text!r} is negative")
            return cls(quantity=quantity)
        try:
            percent = float(text[:-1])
        except ValueError:
            raise ValueError(f"{text!r} is no percentage such as 10%") from None
        if not 0 <= percent <= _WHOLE_PERCENT:
            raise ValueError(f"{text!r} is not between 0% and 100%")
        return cls(percent=percent)

    def of(self, capacity: int) -> int:
        """Return the amount in the units of a capacity (bytes, inodes, tasks)."""
        return self.quantity.to_units() if self.quantity is not None else int(capacity * self.percent / _WHOLE_PERCENT)

    @property
    def is_nothing(self) -> bool:
        """Whether it bounds nothing: the kubelet leaves out thresholds of 0% and 100%."""
        return self.quantity is None and self.percent in {0, _WHOLE_PERCENT}

    def __str__(self) -> str:
        return str(self.quantity) if self.quantity is not None else f"{self.percent:g} %"


NOTHING = Amount()
