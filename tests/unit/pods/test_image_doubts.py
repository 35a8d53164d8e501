"""What a pull that was cut casts doubt on, and for how long."""

from __future__ import annotations

from edgelet.pods.image_doubts import EVERY, ImageDoubts, places
from edgelet.ports.images import ImageInfo

APP = "locked.example/app:1"


def image(mark: str, *names: str, digest_of: str = "") -> ImageInfo:
    digests = (f"{digest_of}@sha256:{mark * 64}",) if digest_of else ()
    return ImageInfo(id=f"sha256:{mark * 64}", names=names, digests=digests, size_bytes=1, architecture="amd64")


def test_a_pull_is_a_doubt_about_what_is_new_in_its_repository_and_about_new_ids() -> None:
    old, new = image("a", "locked.example/app:0"), image("b", APP)
    doubts = ImageDoubts((), (), 0.0)
    assert not doubts.about(new.id, "locked.example/app")
    doubts.begin(APP, (old,))
    assert not doubts.open()
    assert doubts.about(new.id, "locked.example/app")
    assert doubts.about(new.id, "")
    assert not doubts.about(new.id, "locked.example/app2")
    assert not doubts.about(old.id, "locked.example/app")
    assert not doubts.about(old.id, "")
    doubts.end(APP)
    assert not doubts.about(new.id, "locked.example/app")
    assert doubts.names() == doubts.known() == set()


def test_an_old_image_that_gets_a_new_name_by_the_pull_is_suspected_by_that_name() -> None:
    before = image("a", "other.example/app:1")
    after = image("a", "other.example/app:1", APP)
    doubts = ImageDoubts((), (), 0.0)
    doubts.begin(APP, (before,))
    doubts.cut(APP, over=False, now_s=0.0)
    assert doubts.suspects(after) == {"locked.example/app"}


def test_an_image_without_a_name_is_suspected_and_one_with_a_digest_alone_by_it() -> None:
    doubts = ImageDoubts((APP,), (), 0.0)
    assert doubts.suspects(image("a")) == {"locked.example/app"}
    assert doubts.suspects(image("a", digest_of="locked.example/app")) == {"locked.example/app"}
    assert doubts.suspects(image("a", digest_of="other.example/app")) == set()


def test_two_pulls_of_one_name_are_two() -> None:
    doubts = ImageDoubts((), (), 0.0)
    doubts.begin(APP, ())
    doubts.begin(APP, ())
    doubts.end(APP)
    assert doubts.names() == {APP}
    doubts.end(APP)
    assert doubts.names() == set()


def test_a_doubt_ends_when_nothing_can_come_any_more() -> None:
    doubts = ImageDoubts((APP,), places(image("a", APP)), 0.0)
    assert doubts.open()
    assert not doubts.about(image("a").id, "locked.example/app")
    assert doubts.over(59.0) == set()
    doubts.begin(APP, ())
    doubts.cut(APP, over=True, now_s=59.0)  # this one is over; the one of the agent before may not be
    assert doubts.over(59.5) == set()
    assert doubts.over(60.0) == {APP}
    doubts.settle((APP,))
    doubts.begin(APP, ())
    doubts.cut(APP, over=False, now_s=100.0)
    assert doubts.over(699.0) == set()
    assert doubts.over(700.0) == {APP}
    doubts.settle((APP,))
    assert not doubts.open()


def test_lost_records_are_a_doubt_about_all_but_what_was_made_here_or_came_without_a_login_since() -> None:
    doubts = ImageDoubts((EVERY,), (), 0.0)
    mixed = image("a", APP, "localhost/app:1")
    assert doubts.suspects(mixed) == {"locked.example/app"}
    assert doubts.about(mixed.id, "")
    doubts.is_for_all(mixed.id, "locked.example/app")
    assert doubts.suspects(mixed) == set()
