"""Under which names an image may have come by a login without a record of it.

A pull by a login is such a doubt while it goes on, and after it was cut: the engine may have brought the image, or may
bring it yet. A doubt is about what came under the name's repository since, never about what was there before.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable

from edgelet.api import image_name
from edgelet.ports.images import ImageInfo

EVERY = "*"  # a doubt about all images: the records were lost
_LOCAL = "localhost/"  # no registry has it: somebody here made it
# How long an engine may go on with a pull that nobody waits for: it unpacks a large layer on a slow card to its end.
_CUT_S = 600.0
# The engine of an agent that died ends with it, or within seconds.
_INHERITED_S = 60.0


class ImageDoubts:
    """The doubts of a board.

    Args:
        names: Complete references that an agent before this one left in doubt.
        known: What was there before them, as `places` gives it.
        now_s: When this agent began, monotonic seconds.
    """

    def __init__(self, names: Collection[str], known: Collection[str], now_s: float) -> None:
        self._pulling: Counter[str] = Counter()
        self._until_s: dict[str, float] = dict.fromkeys(names, now_s + _INHERITED_S)  # cut; when it must be over
        self._known = set(known)

    def names(self) -> set[str]:
        """Return what is in doubt, complete references or EVERY."""
        return {*self._pulling, *self._until_s}

    def known(self) -> set[str]:
        """Return what was there before the oldest doubt."""
        return self._known if self.names() else set()

    def begin(self, name: str, here: Iterable[ImageInfo]) -> None:
        """A pull begins; `here` counts where there is no other doubt."""
        if not self.names():
            self._known = {place for info in here for place in places(info)}
        self._pulling[name] += 1

    def end(self, name: str) -> None:
        """A pull ended, and it is known whether the image came; it is recorded if it did."""
        self._pulling -= Counter((name,))

    def cut(self, name: str, *, over: bool, now_s: float) -> None:
        """A pull ended otherwise; `over`: nothing can come any more."""
        self.end(name)
        until_s = now_s if over else now_s + _CUT_S
        self._until_s[name] = max(until_s, self._until_s.get(name, until_s))

    def is_for_all(self, image_id: str, repository: str) -> None:
        """Note that an image came without a login."""
        self._known |= {_place(image_id, repository), _place(image_id, "")}

    def about(self, image_id: str, repository: str) -> bool:
        """Whether the image may have come by a login under that name. An id has no repository, so any doubt counts."""
        doubted = {image_name.repository_of(name) for name in self.names()}
        if not doubted or _place(image_id, repository) in self._known:
            return False
        if EVERY in doubted:
            return not repository.startswith(_LOCAL)
        return not repository or repository in doubted

    def open(self) -> bool:
        """Whether there is a doubt about a pull that ended: looking at what is here may tell."""
        return bool(self._until_s)

    def suspects(self, info: ImageInfo) -> set[str]:
        """Return the repositories under which an image that is here may have come by a login."""
        under = {image_name.repository_of(name) for name in (*info.names, *info.digests)}
        if not under:  # cut between the image and its name
            under = {repository for repository in map(image_name.repository_of, self.names()) if repository != EVERY}
            return under if self.about(info.id, "") else set()
        return {repository for repository in under if self.about(info.id, repository)}

    def over(self, now_s: float) -> set[str]:
        """Return the names under which nothing can come any more."""
        return {name for name, until_s in self._until_s.items() if until_s <= now_s}

    def settle(self, names: Iterable[str]) -> None:
        """Drop doubts: what is here under these names was looked at."""
        for name in names:
            self._until_s.pop(name, None)


def places(info: ImageInfo) -> set[str]:
    """Return where an image is to be had: its id alone, and with each repository that it has a name in."""
    repositories = map(image_name.repository_of, (*info.names, *info.digests))
    return {_place(info.id, repository) for repository in ("", *repositories)}


def repository_of(image: str) -> str:
    """Return registry and path, the same for all ways to write them. An id has none."""
    return "" if image_name.image_id(image) else image_name.repository_of(image_name.complete(image))


def _place(image_id: str, repository: str) -> str:
    return f"{image_id} {repository}"
