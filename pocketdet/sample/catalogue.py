"""Which props there are: those that are taken for people, and those that hide them."""

import math
from collections.abc import Callable

from pocketdet.sample import barriers, lookalikes, plants, posters, props, vehicles
from pocketdet.sample.props import Prop, Rng

Maker = Callable[[Rng], Prop]
# How often each is drawn, relative to the others.
DECOYS: dict[Maker, float] = {
    props.post: 2, props.bollard: 1, props.lamp: 1, props.sign: 1, props.traffic_light: 1,
    props.hydrant: 1, props.meter: 1, plants.tree: 2, plants.sapling: 1, plants.cypress: 1,
    plants.pot: 1, lookalikes.coat_rack: 2, lookalikes.dress_form: 2, lookalikes.bust: 1,
    lookalikes.parasol: 1, lookalikes.bag_pile: 1, posters.stand: 2, posters.billboard: 1,
    posters.pillar: 1, posters.easel: 1, barriers.bin_: 1, barriers.cone: 1,
}  # fmt: skip
COVERS: dict[Maker, float] = {
    plants.planter: 1, plants.tree: 1, plants.cypress: 1, barriers.low_wall: 1, barriers.fence: 1,
    barriers.bin_: 1, barriers.kiosk_table: 1, props.post: 1, props.meter: 1,
}  # fmt: skip
VEHICLES = 0.14  # share of vehicles among what stands about
COVERING_CARS = 0.15  # and among what hides people


def decoy(rng: Rng) -> Prop:
    """Something that stands about, most of it easily taken for a person."""
    if rng.random() < VEHICLES:
        maker = vehicles.van if rng.random() < 0.25 else vehicles.car
        return maker(rng, float(rng.uniform(0, 2 * math.pi)))
    return _draw(rng, DECOYS)


def cover(rng: Rng) -> Prop:
    """Something to stand behind."""
    if rng.random() < COVERING_CARS:  # seen from the side, as they are parked
        yaw = float(rng.choice([0.5, 1.5]) * math.pi + rng.normal(0, 0.2))
        return vehicles.car(rng, yaw)
    return _draw(rng, COVERS)


def _draw(rng: Rng, makers: dict[Maker, float]) -> Prop:
    at = float(rng.uniform(0, sum(makers.values())))
    for maker, weight in makers.items():
        at -= weight
        if at < 0:
            return maker(rng)
    return maker(rng)
