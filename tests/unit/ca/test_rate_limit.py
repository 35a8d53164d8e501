"""A burst, then a rate, for each asker, of whom a bounded number is remembered."""

from edgelet.ca.rate_limit import Buckets, Rate


def test_a_burst_is_let_through_and_then_the_rate() -> None:
    buckets = Buckets(Rate(burst=3, per_s=0.5))
    assert [buckets.take("a", now_s=10.0) for _ in range(4)] == [True, True, True, False]
    assert not buckets.take("a", now_s=11.0)
    assert buckets.take("a", now_s=12.5)
    assert not buckets.take("a", now_s=12.5)
    assert buckets.take("b", now_s=12.5)


def test_a_clock_that_stands_or_goes_back_gives_nothing() -> None:
    buckets = Buckets(Rate(burst=1, per_s=100.0))
    assert buckets.take("a", now_s=10.0)
    assert not buckets.take("a", now_s=5.0)


def test_askers_beyond_the_bound_are_forgotten() -> None:
    buckets = Buckets(Rate(burst=1, per_s=0.0), most=10)
    for number in range(100):
        assert buckets.take(str(number), now_s=0.0)
    assert len(buckets) == 10
    assert not buckets.take("99", now_s=0.0)
    assert buckets.take("0", now_s=0.0)
