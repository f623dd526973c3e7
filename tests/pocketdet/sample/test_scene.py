import numpy as np
import pytest

from pocketdet.sample import catalogue
from pocketdet.sample.camera import Camera
from pocketdet.sample.layer import Layer
from pocketdet.sample.placing import STATURE, Ground
from pocketdet.sample.scene import Director


@pytest.mark.parametrize("maker", [*catalogue.DECOYS, *catalogue.COVERS])
def test_every_prop_draws_something_inside_its_extent(maker: catalogue.Maker):
    prop = maker(np.random.default_rng(4))
    layer = Layer((0.0, 0.0), 40.0, prop.extent, -0.5)
    prop.draw(layer)
    alpha = layer.finish(np.random.default_rng(0)).alpha
    assert 0.02 < (alpha > 0.5).mean() < 0.98
    assert not alpha[0].any()  # nothing is cut off above
    assert not alpha[:, 0].any()
    assert not alpha[:, -1].any()


def test_the_same_generator_gives_the_same_scene():
    first, second = (Director(np.random.default_rng(7), (200, 150)).scene() for _ in range(2))
    assert [(t.kind, t.x, t.z, t.extent) for t in first.things] == [
        (t.kind, t.x, t.z, t.extent) for t in second.things
    ]
    assert np.array_equal(first.backdrop.colour, second.backdrop.colour)


def test_far_things_come_first_and_walls_are_behind_people():
    for seed in range(12):
        scene = Director(np.random.default_rng(seed), (200, 150)).scene()
        depths = [thing.z for thing in scene.things]
        assert depths == sorted(depths, reverse=True)
        for thing in scene.things:
            column = int(scene.camera.foot(thing.x, thing.z)[0])
            if thing.kind == "person" and 0 <= column < 200:
                # Neighbours in a group stand beside the place that was chosen.
                assert thing.z < scene.backdrop.room[column] * 1.5


def test_places_overlap_no_more_than_asked():
    camera = Camera((400, 300), 400.0, 100.0, 1.6)
    room = np.full(400, 100, np.float32)
    ground = Ground(np.random.default_rng(0), camera, room)
    spots = []
    while spot := ground.spot((0.1, 0.6), 0.5, STATURE, 0.0):
        ground.take(*spot, 0.5, STATURE)
        spots.append(spot)
    assert 5 < len(spots) < 200
    assert not ground.free(*spots[0], 0.5, STATURE, 0.9)
    heights = [STATURE * camera.scale(z) for _, z in spots]
    assert min(heights) >= 30 - 1e-6
    assert max(heights) <= 180 + 1e-6


def test_no_place_before_a_wall_that_is_too_near():
    camera = Camera((400, 300), 400.0, 100.0, 1.6)
    ground = Ground(np.random.default_rng(0), camera, np.full(400, 1.0, np.float32))
    assert ground.spot((0.1, 0.6), 0.5, STATURE, 0.3) is None
