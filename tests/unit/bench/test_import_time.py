from __future__ import annotations

from bench.import_time import by_package

_TEXT = """\
import time: self [us] | cumulative | imported package
import time:      1500 |       2000 |   pydantic.main
import time:       500 |        500 |     pydantic.fields
import time:      4000 |       6000 | edgelet.pods.plan
import time:      1000 |       1000 |   edgelet.pods.status
import time:      3000 |       3000 | edgelet.api.pod
something a library printed
"""


def test_own_time_is_added_up_by_library_and_by_our_bands() -> None:
    assert by_package(_TEXT) == {"pydantic": 2.0, "edgelet.pods": 5.0, "edgelet.api": 3.0}
