from __future__ import annotations

from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgelet.api.quantity import Quantity


@pytest.mark.parametrize(
    ("text", "canonical"),
    [
        ("0", "0"),
        ("0Gi", "0"),
        ("1", "1"),
        ("+1", "1"),
        ("-1", "-1"),
        ("0.5", "500m"),
        (".5", "500m"),
        ("1.", "1"),
        ("100m", "100m"),
        ("1000m", "1"),
        ("1500m", "1500m"),
        ("1024Mi", "1Gi"),
        ("1Ki", "1Ki"),
        ("1.5Gi", "1536Mi"),
        ("1000Ki", "1000Ki"),
        ("512Ki", "512Ki"),
        ("0.5Ki", "512"),
        ("0.001Ki", "1024m"),
        ("100", "100"),
        ("1000", "1k"),
        ("12000000", "12M"),
        ("1E", "1E"),
        ("1Ei", "1Ei"),
        ("8Ei", "9223372036854775807"),
        ("2e3", "2e3"),
        ("2E3", "2e3"),
        ("1e-3", "1e-3"),
        ("15e2", "1500"),
        ("1n", "1n"),
        ("0.1n", "1n"),
        ("-0.1n", "-1n"),
        ("1u", "1u"),
        ("123456789.123456789", "123456789123456789n"),
    ],
)
def test_renders_a_quantity_as_kubernetes_does(text: str, canonical: str) -> None:
    assert str(Quantity.parse(text)) == canonical


@pytest.mark.parametrize(
    "text",
    [
        "",
        ".",
        "-",
        "1x",
        "1kb",
        "1 Gi",
        " 1",
        "1ki",
        "1e",
        "1e99",
        "1e999999999",
        "1000000e25",
        "1" + "0" * 59,
        "9" * 20 + "E",
        "0x10",
        "1_000",
        "٣",
        "1" * 65,
        "m",
        "1mm",
    ],
)
def test_refuses_what_is_no_quantity(text: str) -> None:
    with pytest.raises(ValueError, match=r"no quantity|out of range"):
        Quantity.parse(text)


@pytest.mark.parametrize(
    ("text", "milli", "units"), [("100m", 100, 1), ("1.0001", 1001, 2), ("-1.5", -1500, -2), ("1Ki", 1024000, 1024)]
)
def test_rounds_away_from_zero(text: str, milli: int, units: int) -> None:
    amount = Quantity.parse(text)

    assert amount.to_milli() == milli
    assert amount.to_units() == amount.to_bytes() == units


def test_compares_amounts_and_not_notations() -> None:
    assert Quantity.parse("1Gi") == Quantity.parse("1024Mi")
    assert Quantity.parse("1k") == Quantity.parse("1e3")
    assert Quantity.parse("1G") < Quantity.parse("1Gi")
    assert hash(Quantity.parse("0.5")) == hash(Quantity.parse("500m"))


def test_adds_and_makes_quantities() -> None:
    assert str(Quantity.parse("1Gi") + Quantity.parse("1Gi")) == "2Gi"
    assert str(Quantity.parse("0") + Quantity.of_bytes(2**20)) == "1Mi"
    assert str(Quantity.of_milli(250)) == "250m"
    assert str(Quantity.parse("0.0001").rounded_up_to_milli()) == "1m"


_SUFFIXES: dict[str, int | Fraction] = {
    "": 1,
    "k": 10**3,
    "M": 10**6,
    "Ki": 2**10,
    "Mi": 2**20,
    "m": Fraction(1, 1000),
    "u": Fraction(1, 10**6),
}


@given(
    number=st.decimals(min_value=0, max_value=10**9, places=6, allow_nan=False),
    suffix=st.sampled_from(sorted(_SUFFIXES)),
)
def test_is_exact_down_to_a_billionth(number: Decimal, suffix: str) -> None:
    exact = Fraction(str(number)) * _SUFFIXES[suffix]

    nano = Quantity.parse(f"{number:f}{suffix}").nano

    assert nano - 1 < exact * 10**9 <= nano


@given(st.from_regex(r"[+-]?[0-9]{1,9}(\.[0-9]{1,9})?(n|u|m|k|M|G|T|P|E|Ki|Mi|Gi|e[0-9]|E-[0-9])?", fullmatch=True))
def test_what_it_renders_means_the_same_again(text: str) -> None:
    amount = Quantity.parse(text)

    again = Quantity.parse(str(amount))

    assert again == amount
    assert str(again) == str(amount)


@given(st.text(max_size=20))
def test_any_text_is_a_quantity_or_a_value_error(text: str) -> None:
    try:
        assert isinstance(Quantity.parse(text).nano, int)
    except ValueError:
        return


@pytest.mark.parametrize("text", ["1e30", "1000000000000000000000000000000"])
def test_a_sum_beyond_what_can_be_said_stays_at_its_end(text: str) -> None:
    together = Quantity.parse(text) + Quantity.parse("1")
    assert Quantity.parse(str(together)) == Quantity.parse(text)
