from __future__ import annotations

from edgelet.node.event_correlation import Correlator, Subject


def test_what_is_past_is_not_kept() -> None:
    correlator = Correlator(limit=1000)
    for number in range(100):
        subject = Subject("Pod", "default", f"web-{number}", f"uid-{number}", "", "Normal", "Started")
        correlator.correlate(subject, "Container started", now_s=float(number))
    assert (len(correlator._similar), len(correlator._budgets)) == (100, 100)
    subject = Subject("Pod", "default", "last", "uid", "", "Normal", "Started")
    correlator.correlate(subject, "Container started", now_s=650.0)
    assert len(correlator._similar) == 51
    assert len(correlator._budgets) == 1, "a budget that is full again is like none"
