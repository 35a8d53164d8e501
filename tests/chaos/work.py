"""Random work: pods come, change, multiply and go. Chooses; hands nothing over itself."""

from __future__ import annotations

import random
from dataclasses import replace

from tests.chaos import orders
from tests.chaos.orders import Order
from tests.chaos.wishes import SHAPES, ConfigWish, PodWish, Way, Wishes

_PORTS = range(20_000, 20_400)


class Work:
    """What somebody asks of the board next, from a seeded source of chance."""

    def __init__(self, chance: random.Random, images: tuple[str, str], *, pods_max: int) -> None:
        self._chance = chance
        self._pods_max = pods_max
        self._images = images
        self._number = 0
        self.wishes = Wishes.none()

    def some(self, how_many: int) -> tuple[list[Order], set[str]]:
        """Return orders, and the names of all pods they concern."""
        found: list[Order] = []
        touched: set[str] = set()
        for _ in range(how_many):
            fresh, names = self._one()
            found += fresh
            touched |= names
        return found, touched

    def restart(self) -> tuple[list[Order], set[str]]:
        """Return orders that certainly make the engine work: one pod made anew, another one created or deleted."""
        found, touched = self._create() if len(self.wishes.pods) < self._pods_max else self._delete()
        changeable = sorted(name for name, one in self.wishes.pods.items() if one.way == "mqtt" and name not in touched)
        if changeable:
            new = self.wishes.pods[self._chance.choice(changeable)].bumped()
            self.wishes.pods[new.name] = new
            found, touched = [*found, orders.apply(new)], {*touched, new.name}
        return found, touched

    def everything_again(self) -> list[Order]:
        """Order all wishes once more: what a fleet's controller does after a board lost its memory."""
        wishes = self.wishes
        found = [orders.again("pods", name, way) for name, way in wishes.gone_pods.items()]
        found += [orders.again("configmaps", name, way) for name, way in wishes.gone_configs.items()]
        found += map(orders.apply, wishes.configs.values())
        found += map(orders.apply, wishes.pods.values())
        return found

    def _one(self) -> tuple[list[Order], set[str]]:
        pods = self.wishes.pods
        weights = {
            "create": 3 if len(pods) < self._pods_max else 0,
            "scale": 1 if len(pods) < self._pods_max - 2 else 0,
            "delete": 2 if len(pods) > 3 else 0,
            "change": 2 if pods else 0,
            "config": 2 if any(one.config_map for one in pods.values()) else 0,
        }
        what = self._chance.choices(list(weights), list(weights.values()))[0]
        match what:
            case "create":
                return self._create()
            case "scale":
                many = [self._create() for _ in range(2)]
                return [one for each, _ in many for one in each], set().union(*(names for _, names in many))
            case "delete":
                return self._delete()
            case "change":
                return self._change()
            case _:
                return self._configure()

    def _create(self) -> tuple[list[Order], set[str]]:
        self._number += 1
        shape = self._chance.choice(SHAPES)
        way: Way = self._chance.choice(("mqtt", "mqtt", "api"))
        wish = PodWish(
            name=f"{shape}-{self._number}",
            way=way,
            shape=shape,
            image=self._chance.choice(self._images),
            host_port=_PORTS[self._number % len(_PORTS)] if shape == "port" else 0,
        )
        self.wishes.pods[wish.name] = wish
        if not wish.config_map:
            return [orders.apply(wish)], {wish.name}
        config = ConfigWish(wish.config_map, way, "1")
        self.wishes.configs[config.name] = config
        both: list[Order] = [orders.apply(config), orders.apply(wish)]
        self._chance.shuffle(both)  # a pod may come before what it needs
        return both, {wish.name}

    def _delete(self) -> tuple[list[Order], set[str]]:
        wish = self.wishes.pods.pop(self._chance.choice(sorted(self.wishes.pods)))
        self.wishes.gone_pods[wish.name] = wish.way
        found = [orders.delete(wish)]
        if wish.config_map:
            config = self.wishes.configs.pop(wish.config_map)
            self.wishes.gone_configs[config.name] = config.way
            found.append(orders.delete(config))
        return found, {wish.name}

    def _change(self) -> tuple[list[Order], set[str]]:
        old = self.wishes.pods[self._chance.choice(sorted(self.wishes.pods))]
        if old.way == "api" or self._chance.random() < 0.4:  # the only thing that may change in a Pod that stays
            image = self._images[0] if old.image == self._images[1] else self._images[1]
            new = replace(old, image=image)
        else:
            new = old.bumped()
        self.wishes.pods[new.name] = new
        return [orders.apply(new)], {new.name}

    def _configure(self) -> tuple[list[Order], set[str]]:
        name = self._chance.choice(sorted(self.wishes.configs))
        old = self.wishes.configs[name]
        new = replace(old, value=str(int(old.value) + 1))
        self.wishes.configs[name] = new
        return [orders.apply(new)], set()
