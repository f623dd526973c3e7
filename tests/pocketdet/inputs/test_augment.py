from pathlib import Path

import hypothesis.strategies as st
import numpy as np
import pytest
import yaml
from hypothesis import given, settings

from pocketdet.boxes import areas, clip, ious
from pocketdet.config import Augment
from pocketdet.inputs import augment
from pocketdet.inputs.augment import Objects, render
from pocketdet.preprocess import View

PARAMS = Path(__file__).resolve().parents[3] / "params.yaml"
RECIPE = Augment.model_validate(yaml.safe_load(PARAMS.read_text())["augment"])
FRAME = (96, 64)
PICTURE = (150, 110)
RED, GREEN = (255, 0, 0), (0, 200, 0)

VIEWS = st.builds(
    lambda x, y, w, h, flip, over: View((x, y), (w, h), flip, over),
    st.integers(-60, 60),
    st.integers(-60, 60),
    st.integers(40, 200),
    st.integers(40, 200),
    st.booleans(),
    st.booleans(),
)
RECTANGLES = st.tuples(
    st.integers(0, 100), st.integers(0, 70), st.integers(12, 50), st.integers(12, 40)
).map(lambda r: (r[0], r[1], min(r[0] + r[2], PICTURE[0]), min(r[1] + r[3], PICTURE[1])))


def objects(*boxes: tuple[float, float, float, float]) -> Objects:
    n = len(boxes)
    return Objects(
        np.array(boxes, np.float32).reshape(n, 4),
        np.arange(n, dtype=np.int32),
        np.zeros(n, bool),
        np.ones(n, np.float32),
    )


def red_on_green(box: tuple[int, int, int, int]) -> np.ndarray:
    picture = np.zeros((PICTURE[1], PICTURE[0], 3), np.uint8)
    picture[:] = GREEN
    picture[box[1] : box[3], box[0] : box[2]] = RED
    return picture


def extent(rgb: np.ndarray) -> np.ndarray | None:
    """Box around the pixels that are more red than green."""
    ys, xs = np.nonzero(rgb[..., 0].astype(int) > rgb[..., 1])
    return np.array([xs.min(), ys.min(), xs.max() + 1, ys.max() + 1]) if len(xs) else None


def moved(some: Objects, view: View, frame_wh: tuple[int, int] = PICTURE) -> Objects:
    return some.seen(view, PICTURE, frame_wh, 0.35)


@settings(max_examples=150, deadline=None)
@given(view=VIEWS, box=RECTANGLES)
def test_the_pixels_under_a_box_stay_under_it(view: View, box: tuple[int, int, int, int]):
    there = render(red_on_green(box), view, FRAME, (0, 0, 255))
    kept = moved(objects(box), view, FRAME)
    assert there.shape == (FRAME[1], FRAME[0], 3)
    corners = np.c_[np.reshape(box, (2, 2)), [1, 1]] @ view.matrix(PICTURE).T
    expected = clip(np.sort(corners[:, :2], 0).reshape(1, 4), FRAME)[0]
    assert len(kept) == (areas(expected) > 0)
    if (expected[2:] - expected[:2]).min() >= 2:
        assert kept.boxes_xyxy[0] == pytest.approx(expected, abs=1e-4)
        found = extent(there)
        assert found is not None
        # Half a pixel of rounding, and up to one of interpolation.
        assert np.abs(found - expected).max() <= 1.5


def test_what_shrinks_is_averaged():
    noise = np.random.default_rng(0).integers(0, 256, (256, 384, 3), np.uint8)
    small = render(noise, View((0, 0), FRAME), FRAME, (0, 0, 0))
    assert noise.std() == pytest.approx(74, abs=1)
    assert small.std() == pytest.approx(74 / 4, abs=1)  # of 4 x 4 values that are independent


SIZES = st.tuples(st.integers(1, 200), st.integers(1, 160))
CORNERS = st.tuples(*[st.floats(0, 1)] * 4)  # shares of the picture's sides


@settings(max_examples=100, deadline=None)
@given(
    size=SIZES,
    corners=st.lists(CORNERS, max_size=4),
    flip=st.booleans(),
    upside_down=st.booleans(),
    seed=st.integers(0, 10_000),
)
def test_flipping_twice_is_the_identity(size, corners, flip, upside_down, seed):
    view = View((0, 0), size, flip, upside_down)
    picture = np.random.default_rng(seed).integers(0, 256, (size[1], size[0], 3), np.uint8)
    once = render(picture, view, size, (0, 0, 0))
    mirrored = picture[:: -1 if upside_down else 1, :: -1 if flip else 1]
    assert (once == mirrored).all()
    assert (render(once, view, size, (0, 0, 0)) == picture).all()

    shares = np.array(corners).reshape(-1, 2, 2)
    boxes = np.concatenate([shares.min(1), shares.max(1)], 1) * [*size, *size]
    wide = (boxes[:, 2:] - boxes[:, :2] > augment.MIN_SIDE_PX + 1e-3).all(1)  # so none is a line
    some = objects(*boxes[wide])
    twice = some.seen(view, size, size, 0.5).seen(view, size, size, 0.5)
    assert twice.boxes_xyxy == pytest.approx(some.boxes_xyxy, abs=1e-4)
    assert (twice.labels == some.labels).all()
    assert (twice.ignore == some.ignore).all()
    assert twice.visible == pytest.approx(some.visible, abs=1e-4)


@settings(deadline=None)
@given(st.integers(0, 10_000))
def test_kept_boxes_stay_inside_and_have_area(seed: int):
    rng = np.random.default_rng(seed)
    corners = rng.uniform(0, 60, (6, 2))
    some = objects(*np.concatenate([corners, corners + rng.uniform(1, 50, (6, 2))], 1).tolist())
    kept = moved(some, augment.draw_view(RECIPE, View((0, 0), FRAME), FRAME, rng), FRAME)
    assert (kept.boxes_xyxy >= 0).all()
    assert (kept.boxes_xyxy <= [*FRAME, *FRAME]).all()
    assert (kept.boxes_xyxy[:, 2:] > kept.boxes_xyxy[:, :2]).all()
    thin = (kept.boxes_xyxy[:, 2:] - kept.boxes_xyxy[:, :2]).min(1, initial=9) < augment.MIN_SIDE_PX
    assert (kept.ignore == ((kept.visible < 0.35) | thin)).all()


def test_an_object_shrunk_to_a_line_becomes_ignore():
    kept = moved(objects((0, 0, 30, 3), (0, 0, 30, 30)), View((0, 0), FRAME), FRAME)
    assert kept.ignore.tolist() == [True, False]


def test_an_object_that_mostly_left_becomes_ignore_and_one_that_left_goes():
    # The view moves everything 40 px to the left, at the same size.
    some = objects((0, 0, 39, 10), (0, 0, 50, 10), (30, 0, 50, 10), (40, 0, 50, 10))
    kept = moved(some, View((-40, 0), PICTURE))
    assert kept.labels.tolist() == [1, 2, 3]
    assert kept.ignore.tolist() == [True, False, False]
    assert kept.visible == pytest.approx([0.2, 0.5, 1.0], abs=1e-4)


def test_losses_of_two_views_add_up():
    half = moved(objects((0, 0, 60, 10)), View((-30, 0), PICTURE))
    assert not half.ignore[0]
    quarter = moved(half, View((-15, 0), PICTURE))
    assert quarter.visible == pytest.approx([0.25], abs=1e-4)
    assert quarter.ignore[0]


def test_ignored_stays_ignored():
    crowd = objects((10, 10, 20, 20))
    crowd.ignore[0] = True
    assert moved(crowd, View((5, 5), PICTURE)).ignore.tolist() == [True]


def test_no_objects():
    assert len(moved(objects(), View((0, 0), FRAME, True), FRAME)) == 0


def test_views_use_the_whole_range_of_the_recipe():
    rng = np.random.default_rng(0)
    recipe = RECIPE.model_copy(update={"flip_vertical": 0.25})
    views = [augment.draw_view(recipe, View((0, 0), FRAME), FRAME, rng) for _ in range(2000)]
    assert np.mean([view.upside_down for view in views]) == pytest.approx(0.25, abs=0.05)
    zooms = [np.sqrt(np.prod(view.size_wh) / np.prod(FRAME)) for view in views]
    assert min(zooms) == pytest.approx(RECIPE.scale[0], abs=0.02)
    assert max(zooms) == pytest.approx(RECIPE.scale[1], abs=0.02)
    assert np.median(zooms) == pytest.approx(np.sqrt(np.prod(RECIPE.scale)), abs=0.03)
    assert np.mean([view.flip for view in views]) == pytest.approx(RECIPE.flip, abs=0.05)
    assert all(side == int(side) for view in views for side in (*view.corner_xy, *view.size_wh))


@pytest.mark.parametrize("corner", [(-500, 0), (-90, 3), (0, -60), (96, 0), (0, 64), (400, 400)])
def test_a_view_that_shows_nothing_is_all_fill(corner: tuple[float, float]):
    picture, view = red_on_green((0, 0, 10, 10)), View(corner, (90, 60))
    there = render(picture, view, FRAME, (1, 2, 3))
    assert there.shape == (FRAME[1], FRAME[0], 3)
    assert (there == [1, 2, 3]).all()
    assert len(moved(objects((0, 0, 10, 10)), view, FRAME)) == 0


@settings(max_examples=50)
@given(seed=st.integers(0, 10_000))
def test_mosaic_tiles_cover_the_frame_and_each_view_its_tile(seed: int):
    covered = np.zeros((FRAME[1], FRAME[0]), int)
    for (x1, y1, x2, y2), view in augment.draw_tiles(FRAME, RECIPE, np.random.default_rng(seed)):
        covered[y1:y2, x1:x2] += 1
        assert view.corner_xy[0] <= 1e-6
        assert view.corner_xy[1] <= 1e-6
        assert view.corner_xy[0] + view.size_wh[0] >= x2 - x1 - 1e-6
        assert view.corner_xy[1] + view.size_wh[1] >= y2 - y1 - 1e-6
    assert (covered == 1).all()


def quiet(**changes: float) -> Augment:
    """The recipe without colour changes, but for these."""
    colour = dict.fromkeys(("brightness", "contrast", "saturation", "hue", "grey"), 0.0)
    return RECIPE.model_copy(update={**colour, **changes})


def test_no_colour_change_is_the_identity():
    picture = np.random.default_rng(0).integers(0, 255, (20, 30, 3), np.uint8)
    assert (augment.recolour(picture, quiet(), np.random.default_rng(0)) == picture).all()


def test_grey_pictures_have_no_colour_and_pillows_luma():
    from PIL import Image as PIL

    picture = np.random.default_rng(0).integers(0, 255, (20, 30, 3), np.uint8)
    grey = augment.recolour(picture, quiet(grey=1), np.random.default_rng(0))
    assert (grey == grey[..., :1]).all()
    luma = np.asarray(PIL.fromarray(picture).convert("L")).astype(int)
    assert np.abs(grey[..., 0] - luma).max() <= 1


@settings(deadline=None)
@given(st.integers(0, 1000))
def test_hue_and_saturation_leave_greys_as_they_are(seed: int):
    ramp = np.repeat(np.arange(256, dtype=np.uint8).reshape(1, 256, 1), 3, 2)
    changed = augment.recolour(ramp, quiet(hue=0.5, saturation=1), np.random.default_rng(seed))
    assert np.abs(changed.astype(int) - ramp).max() <= 1


@settings(deadline=None)
@given(st.integers(0, 1000))
def test_contrast_keeps_the_mean_grey(seed: int):
    rng = np.random.default_rng(seed)
    picture = np.repeat(rng.integers(90, 160, (20, 30, 1), np.uint8), 3, 2)
    changed = augment.recolour(picture, quiet(contrast=0.5), rng)
    assert changed.mean() == pytest.approx(picture.mean(), abs=1)


def test_a_colour_change_depends_on_the_generator_alone():
    picture = np.random.default_rng(0).integers(0, 255, (20, 30, 3), np.uint8)
    a, b, c = (augment.recolour(picture, RECIPE, np.random.default_rng(n)) for n in (1, 1, 2))
    assert (a == b).all()
    assert (a != c).any()


def test_joined_and_shifted():
    both = Objects.joined([objects((0, 0, 1, 1)), objects((0, 0, 2, 2)).shifted(10, 20)])
    assert both.boxes_xyxy.tolist() == [[0, 0, 1, 1], [10, 20, 12, 22]]
    assert ious(both.boxes_xyxy, both.boxes_xyxy)[0, 1] == 0
