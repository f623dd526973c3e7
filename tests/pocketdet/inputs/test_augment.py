from pathlib import Path

import hypothesis.strategies as st
import numpy as np
import pytest
import yaml
from hypothesis import given, settings

from pocketdet.boxes import clip, ious
from pocketdet.config import Augment
from pocketdet.inputs import augment
from pocketdet.inputs.augment import Objects, render, render_fast
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


@pytest.mark.parametrize("draw", [render, render_fast])
@settings(max_examples=150)
@given(view=VIEWS, box=RECTANGLES)
def test_the_pixels_under_a_box_stay_under_it(draw, view: View, box: tuple[int, int, int, int]):
    there = draw(red_on_green(box), view, FRAME, (0, 0, 255))
    expected = clip(view.boxes(np.array([box], np.float32), PICTURE), FRAME)[0]
    found = extent(there)
    if (expected[2:] - expected[:2]).min() >= 2:
        assert found is not None
        # Half a pixel of rounding, and up to one of interpolation.
        assert np.abs(found - expected).max() <= 1.5


@settings(max_examples=100)
@given(view=VIEWS)
def test_both_renderers_draw_the_picture_at_the_same_place(view: View):
    smooth = np.linspace(0, 255, PICTURE[0]).astype(np.uint8)
    picture = np.repeat(np.tile(smooth, (PICTURE[1], 1))[..., None], 3, 2)
    a = render(picture, view, FRAME, (128, 128, 128)).astype(int)
    b = render_fast(picture, view, FRAME, (128, 128, 128)).astype(int)
    inside = clip(view.boxes(np.array([[0, 0, *PICTURE]], np.float32), PICTURE), FRAME)[0]
    x1, y1, x2, y2 = (int(v) for v in inside)
    centre = (slice(y1 + 2, y2 - 2), slice(x1 + 2, x2 - 2))
    assert np.abs(a[centre] - b[centre]).max(initial=0) <= 8


@pytest.mark.parametrize(
    ("flip", "mirrored"),
    [
        (View((0, 0), PICTURE, flip=True), np.fliplr),
        (View((0, 0), PICTURE, upside_down=True), np.flipud),
    ],
)
def test_flipping_twice_is_the_identity(flip, mirrored):
    rng = np.random.default_rng(0)
    picture = rng.integers(0, 255, (PICTURE[1], PICTURE[0], 3), np.uint8)
    some = objects((1, 2, 30, 40), (100, 50, 150, 110))
    for draw in (render, render_fast):
        once = draw(picture, flip, PICTURE, (0, 0, 0))
        assert (once == mirrored(picture)).all()
        assert (draw(once, flip, PICTURE, (0, 0, 0)) == picture).all()
    twice = some.seen(flip, PICTURE, PICTURE, 0.5).seen(flip, PICTURE, PICTURE, 0.5)
    assert (twice.boxes_xyxy == some.boxes_xyxy).all()


@given(st.integers(0, 10_000))
def test_kept_boxes_stay_inside_and_have_area(seed: int):
    rng = np.random.default_rng(seed)
    corners = rng.uniform(0, 60, (6, 2))
    some = objects(*np.concatenate([corners, corners + rng.uniform(1, 50, (6, 2))], 1).tolist())
    view = augment.draw_view(RECIPE, View((0, 0), FRAME), FRAME, rng)
    seen = some.seen(view, PICTURE, FRAME, RECIPE.min_visible)
    assert (seen.boxes_xyxy >= 0).all()
    assert (seen.boxes_xyxy <= [*FRAME, *FRAME]).all()
    assert (seen.boxes_xyxy[:, 2:] > seen.boxes_xyxy[:, :2]).all()
    thin = (seen.boxes_xyxy[:, 2:] - seen.boxes_xyxy[:, :2]).min(1, initial=9) < augment.MIN_SIDE_PX
    assert (seen.ignore == ((seen.visible < RECIPE.min_visible) | thin)).all()


def test_an_object_shrunk_to_a_line_becomes_ignore():
    seen = objects((0, 0, 30, 3), (0, 0, 30, 30)).seen(View((0, 0), FRAME), PICTURE, FRAME, 0.3)
    assert seen.ignore.tolist() == [True, False]


def test_an_object_that_mostly_left_becomes_ignore_and_one_that_left_goes():
    # The view moves everything 40 px to the left, at the same size.
    view = View((-40, 0), PICTURE)
    some = objects((0, 0, 39, 10), (0, 0, 50, 10), (30, 0, 50, 10), (40, 0, 50, 10))
    seen = some.seen(view, PICTURE, PICTURE, 0.35)
    assert seen.labels.tolist() == [1, 2, 3]
    assert seen.ignore.tolist() == [True, False, False]
    assert seen.visible == pytest.approx([0.2, 0.5, 1.0])


def test_losses_of_two_views_add_up():
    view = View((-30, 0), PICTURE)
    half = objects((0, 0, 60, 10)).seen(view, PICTURE, PICTURE, 0.35)
    assert not half.ignore[0]
    quarter = half.seen(View((-15, 0), PICTURE), PICTURE, PICTURE, 0.35)
    assert quarter.visible == pytest.approx([0.25])
    assert quarter.ignore[0]


def test_ignored_stays_ignored():
    crowd = objects((10, 10, 20, 20))
    crowd.ignore[0] = True
    assert crowd.seen(View((5, 5), PICTURE), PICTURE, PICTURE, 0.35).ignore.tolist() == [True]


def test_no_objects():
    assert len(objects().seen(View((0, 0), FRAME, True), PICTURE, FRAME, 0.5)) == 0


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


def test_a_view_that_shows_nothing_is_all_fill():
    picture = red_on_green((0, 0, 10, 10))
    there = render(picture, View((-500, 0), (90, 60)), FRAME, (1, 2, 3))
    assert (there == [1, 2, 3]).all()


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
    mean = augment.mean_colour(picture)
    assert mean == pytest.approx(picture.mean((0, 1)), abs=1e-3)
    same = augment.recolour(picture, augment.draw_colour(quiet(), mean, np.random.default_rng(0)))
    assert (same == picture).all()


def test_grey_pictures_have_no_colour_and_pillows_luma():
    from PIL import Image as PIL

    picture = np.random.default_rng(0).integers(0, 255, (20, 30, 3), np.uint8)
    change = augment.draw_colour(quiet(grey=1), np.zeros(3, np.float32), np.random.default_rng(0))
    grey = augment.recolour(picture, change)
    assert (grey == grey[..., :1]).all()
    luma = np.asarray(PIL.fromarray(picture).convert("L")).astype(int)
    assert np.abs(grey[..., 0] - luma).max() <= 1


@given(st.integers(0, 1000))
def test_hue_and_saturation_leave_greys_as_they_are(seed: int):
    ramp = np.repeat(np.arange(256, dtype=np.uint8).reshape(1, 256, 1), 3, 2)
    recipe = quiet(hue=0.5, saturation=1.0)
    change = augment.draw_colour(recipe, np.zeros(3, np.float32), np.random.default_rng(seed))
    assert np.abs(augment.recolour(ramp, change).astype(int) - ramp).max() <= 1


def test_a_third_of_the_colour_circle_turns_red_into_a_primary():
    turned = augment._turn(2 * np.pi / 3) @ [1, 0, 0]
    assert turned == pytest.approx([0, 1, 0])


@given(st.integers(0, 1000))
def test_contrast_keeps_the_mean_grey(seed: int):
    rng = np.random.default_rng(seed)
    picture = rng.integers(90, 160, (20, 30, 3), np.uint8)
    mean = augment.mean_colour(picture)
    changed = augment.recolour(picture, augment.draw_colour(quiet(contrast=0.5), mean, rng))
    before, after = (augment.mean_colour(p) @ augment.GREY_WEIGHTS for p in (picture, changed))
    assert after == pytest.approx(before, abs=1)


def test_brightness_saturates_instead_of_wrapping():
    white = np.full((4, 4, 3), 250, np.uint8)
    bright = np.eye(3, 4, dtype=np.float32) * 2
    assert (augment.recolour(white, bright) == 255).all()


def test_joined_and_shifted():
    both = Objects.joined([objects((0, 0, 1, 1)), objects((0, 0, 2, 2)).shifted(10, 20)])
    assert both.boxes_xyxy.tolist() == [[0, 0, 1, 1], [10, 20, 12, 22]]
    assert ious(both.boxes_xyxy, both.boxes_xyxy)[0, 1] == 0
