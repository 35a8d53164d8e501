from __future__ import annotations

from bench.figures import Figure, Target, number, table


def test_a_ratio_is_that_of_medians_so_that_one_outlier_counts_little() -> None:
    figure = Figure(name="x", unit="ms", samples=(10, 12, 900), beside=(20, 24, 5))

    assert figure.median == 12
    assert figure.ratio == 0.6


def test_nothing_beside_is_no_ratio() -> None:
    assert Figure(name="x", unit="ms", samples=(1,)).ratio is None
    assert Figure(name="x", unit="ms", samples=(1,), beside=(0,)).ratio is None


def test_a_target_judges_the_median_or_the_ratio() -> None:
    ratio, median = Target(at_most=0.5, of="ratio"), Target(at_most=100)

    assert Figure(name="x", unit="ms", samples=(200,), beside=(400,), target=ratio).met is True
    assert Figure(name="x", unit="ms", samples=(200,), beside=(399,), target=ratio).met is False
    assert Figure(name="x", unit="ms", samples=(200,), target=median).met is False
    assert Figure(name="x", unit="ms", samples=(200,), target=ratio).met is None
    assert Figure(name="x", unit="ms", samples=(200,)).met is None


def test_a_document_keeps_every_sample() -> None:
    figure = Figure(name="x", unit="ms", samples=(3, 1, 2), beside=(4,), target=Target(at_most=0.6, of="ratio"))

    assert figure.to_document() == {
        "name": "x",
        "unit": "ms",
        "median": 2,
        "samples": [3, 1, 2],
        "beside": [4],
        "ratio": 0.5,
        "target": {"atMost": 0.6, "of": "ratio", "met": True},
    }


def test_numbers_have_three_digits() -> None:
    assert [number(one) for one in (0, 0.1234, 1.234, 12.34, 123.4, 12345.6)] == [
        *("0", "0.123", "1.23", "12.3", "123", "12346")
    ]


def test_a_table_aligns_its_columns_and_names_what_is_over() -> None:
    lines = table(
        (
            Figure(
                name="apply", unit="ms", samples=(100, 300, 200), beside=(400,), target=Target(at_most=0.4, of="ratio")
            ),
            Figure(name="a longer name", unit="MB", samples=(5,), target=Target(at_most=5)),
        )
    ).splitlines()

    assert lines[0].split() == ["what", "median", "min..max", "beside", "ratio", "target"]
    assert set(lines[1]) == {"-"}
    assert lines[2].split() == ["apply", "200", "ms", "100..300", "400", "ms", "0.50", "<=", "0.4", "x", "OVER"]
    assert lines[3].split() == ["a", "longer", "name", "5.00", "MB", "<=", "5", "ok"]
    assert lines[2].index("200 ms") + len("200 ms") == lines[3].index("5.00 MB") + len("5.00 MB")
