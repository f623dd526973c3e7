import math

import numpy as np
import pytest

from pocketdet.sample.backdrops import Backdrop
from pocketdet.sample.camera import Camera
from pocketdet.sample.layer import Layer, outline
from pocketdet.sample.painting import Shape, inside, paint, union
from pocketdet.sample.scene import Kind, Scene, Thing
from pocketdet.sample.sights import Sight

CAMERA = Camera((100, 80), focal=100.0, horizon=20.0, height=1.0)


def box(kind: Kind, x: float, z: float, colour: tuple[float, float, float]) -> Thing:
    """A square of one metre whose lower left corner stands at (x, z)."""
    return Thing(
        kind, x, z, (0, 0, 1, 1), lambda layer: layer.rectangle(0, 0, 1, 1, colour), 1, grain=0.0
    )


def painted(*things: Thing):
    sight = Sight(CAMERA, 0.0, 0.0, 0.0, (200, 200, 200), 1e9)
    colour = np.full((80, 100, 3), 50, np.float32)
    backdrop = Backdrop(colour, np.full(100, 99, np.float32), sight, 0.0)
    return paint(Scene(CAMERA, backdrop, list(things)), np.random.default_rng(0))


def extent(mask) -> tuple[int, int, int, int]:
    rows, columns = np.nonzero(mask)
    return (columns.min(), rows.min(), columns.max() + 1, rows.max() + 1)


def test_a_metre_is_as_many_pixels_as_the_camera_says():
    picture = painted(box("person", 0.0, 5.0, (255, 0, 0)))
    # 20 px a metre; the foot is at column 50, row 20 + 1 * 20. Pillow's polygons include their
    # edge, which at most one more pixel holds by half.
    x1, y1, x2, y2 = extent(picture.owner == 1)
    assert (x1, y1) == (50, 20)
    assert (x2, y2) in ((70, 40), (71, 41))
    assert picture.colour[30, 60] == pytest.approx((255, 0, 0), abs=2)
    assert picture.colour[30, 40] == pytest.approx((50, 50, 50))


@pytest.mark.parametrize(("width", "columns"), [(0.99, 20), (1.01, 20), (1.04, 21), (1.06, 21)])
def test_a_pixel_belongs_to_who_covers_half_of_it(width: float, columns: int):
    thing = Thing(
        "person", 0.0, 5.0, (0, 0, 2, 2),
        lambda layer: layer.rectangle(0, 0, width, 1, (255, 0, 0)), 1, grain=0.0,
    )  # fmt: skip
    assert painted(thing).owner.any(axis=0).sum() == columns


def test_what_is_painted_later_owns_the_pixels():
    far, near = box("person", 0.0, 5.0, (255, 0, 0)), box("prop", 0.25, 4.0, (0, 255, 0))
    picture = painted(far, near)
    assert picture.owner[30, 60] == 2
    assert picture.owner[30, 52] == 1
    whole = picture.things[0].shape
    assert whole is not None
    assert whole.mask.sum() > (picture.owner == 1).sum()
    assert picture.things[1].shape is None


def test_a_person_is_drawn_whole_outside_the_picture():
    picture = painted(box("person", -3.0, 5.0, (255, 0, 0)))  # columns -10 to 10
    shape = picture.things[0].shape
    assert shape is not None
    assert shape.mask.any(axis=0).sum() == pytest.approx(20, abs=1)
    assert inside(shape, (100, 80)) / shape.mask.sum() == pytest.approx(0.5, abs=0.04)


def test_union_counts_shared_pixels_once():
    a = Shape(np.ones((4, 4), np.bool_), 0, 0)
    b = Shape(np.ones((4, 4), np.bool_), 2, -1)
    both = union([a, b])
    assert (both.left, both.top, both.mask.shape) == (0, -1, (5, 6))
    assert both.mask.sum() == 32 - 2 * 3


def test_the_outline_of_a_path_has_its_width():
    points = outline([(0.0, 0.0), (0.0, 2.0)], [0.5, 0.5])
    assert max(x for x, _ in points) == pytest.approx(0.5)
    assert max(y for _, y in points) == pytest.approx(2.5)
    flat = outline([(0.0, 0.0), (0.0, 2.0)], [0.5, 0.5], bulge=0.0)
    assert max(y for _, y in flat) == pytest.approx(2.0)


@pytest.mark.parametrize("foot", [(-500.0, 20.0), (50.0, 900.0), (50.0, -700.0)])
def test_a_prop_outside_the_picture_costs_nothing(foot: tuple[float, float]):
    layer = Layer(foot, 40.0, (-1, 0, 1, 2), 0.5, (100, 80))
    layer.rectangle(-1, 0, 1, 2, (255, 255, 255))
    assert layer.finish(np.random.default_rng(0)).alpha.size < 1000


def test_camera_and_its_inverse_agree():
    for x, z in ((0.0, 3.0), (-2.0, 8.0), (4.0, 50.0)):
        column, row = CAMERA.foot(x, z)
        assert CAMERA.across(column, z) == pytest.approx(x)
        assert row == pytest.approx(CAMERA.horizon + CAMERA.height * CAMERA.scale(z))
    assert math.isclose(CAMERA.scale(10.0), 10.0)
