import numpy as np
import pytest

from pocketdet.dataset import Box, Image
from pocketdet.detector.decode import Detections
from pocketdet.report import pictures
from pocketdet.report.pictures import FALSE_ALARM, HIT, IGNORED, MISS, Mark
from pocketdet.scoring.matching import match

CLASSES = ("person", "dog")
PHOTO = np.full((150, 200, 3), 128, np.uint8)
IMAGE = Image(
    "street/a.jpg",
    (200, 150),
    (
        Box("person", (20, 40, 60, 120)),
        Box("dog", (150, 20, 190, 60)),
        Box("person", (100, 80, 140, 140), ignore="iscrowd"),
    ),
)
FOUND = Detections(
    np.asarray([[20, 40, 60, 110], [70, 10, 90, 30], [105, 85, 135, 135]], np.float32),
    np.asarray([0.9, 0.8, 0.7], np.float32),
    np.asarray([0, 1, 0]),
)


def rgb(colour: str) -> tuple[int, ...]:
    return tuple(int(colour[i : i + 2], 16) for i in (1, 3, 5))


def colours(picture) -> set[tuple[int, ...]]:
    return {colour for _, colour in picture.getcolors(picture.width * picture.height)}


def test_marks_say_what_became_of_objects_and_detections() -> None:
    matches = match(IMAGE, FOUND, CLASSES, 0.5)
    truth = pictures.truth_marks(IMAGE, matches)
    assert [(m.colour, m.style) for m in truth] == [
        (HIT, "solid"),
        (MISS, "dashed"),
        (IGNORED, "hatched"),
    ]
    assert truth[2].text == "person: iscrowd"
    found = pictures.found_marks(FOUND, matches, CLASSES)
    assert [m.colour for m in found] == [HIT, FALSE_ALARM, IGNORED]
    assert found[0].text == "person 0.90  IoU 0.88"
    assert found[1].text == "dog 0.80"


def test_box_is_drawn_on_its_pixels_and_nowhere_else() -> None:
    picture = np.asarray(pictures.draw(PHOTO, [Mark((20, 40, 60, 120), HIT, "solid")], (200, 150)))
    changed = np.argwhere((picture != 128).any(-1))
    assert changed.min(0).tolist() == [40, 20]
    assert changed.max(0).tolist() == [119, 59]
    assert tuple(picture[40, 20]) == rgb(HIT)
    assert (picture[60:100, 30:50] == 128).all()


@pytest.mark.parametrize("style", ["solid", "bold", "dashed", "hatched"])
@pytest.mark.parametrize(
    "xyxy", [(0, 0, 200, 150), (199.6, 149.7, 199.9, 150), (-5, -5, 3, 3), (50, 0, 50, 150)]
)
def test_every_style_draws_boxes_at_the_rim_and_without_area(style, xyxy) -> None:
    picture = pictures.draw(PHOTO, [Mark(xyxy, MISS, style, "person 0.9")], (200, 150))
    assert picture.size == (200, 150)
    assert rgb(MISS) in colours(picture)


def test_labels_dodge_each_other() -> None:
    marks = [Mark((50, 50, 150, 100), colour, "solid", "person 0.90") for colour in (HIT, MISS)]
    both = np.asarray(pictures.draw(PHOTO, marks, (200, 150)))
    alone = np.asarray(pictures.draw(PHOTO, marks[:1], (200, 150)))
    # The first label stays whole, pixel for pixel, as the second went elsewhere.
    assert (both[30:48, 50:130] == alone[30:48, 50:130]).all()


def test_tiny_and_narrow_photos_can_be_drawn() -> None:
    tiny = pictures.draw(PHOTO[:4, :3], [Mark((0, 0, 3, 4), HIT, "solid", "person")], (600, 400))
    assert tiny.size == (300, 400)
    assert pictures.draw(PHOTO[:1], [Mark((0, 0, 9, 1), HIT, "bold", "p")], (50, 50)).size == (
        50,
        1,
    )


def test_side_by_side_has_both_views_and_the_same_bytes_each_time() -> None:
    matches = match(IMAGE, FOUND, CLASSES, 0.5)
    picture = pictures.side_by_side(PHOTO, IMAGE, FOUND, matches, CLASSES)
    right = picture.crop((picture.width // 2, 30, picture.width, picture.height - 40))
    assert {rgb(HIT), rgb(FALSE_ALARM), rgb(MISS), rgb(IGNORED)} <= colours(right)
    left = picture.crop((0, 30, picture.width // 2, picture.height - 40))
    assert rgb(FALSE_ALARM) not in colours(left)
    again = pictures.side_by_side(PHOTO, IMAGE, FOUND, matches, CLASSES)
    assert picture.tobytes() == again.tobytes()


def test_contact_sheet_places_row_by_row() -> None:
    cells = [(pictures.PIL.new("RGB", (80, 60), colour), "x") for colour in (HIT, MISS, IGNORED)]
    sheet = pictures.contact_sheet(cells, 2, (40, 30))
    assert sheet.width < 110
    pixels = np.asarray(sheet)
    third = np.argwhere((pixels == rgb(IGNORED)).all(-1))
    assert third[:, 1].max() < sheet.width / 2
    assert third[:, 0].min() > sheet.height / 3


def test_classes_get_their_own_colours() -> None:
    marks = pictures.class_marks(FOUND, CLASSES)
    assert [m.text for m in marks] == ["person 0.90", "dog 0.80", "person 0.70"]
    assert marks[0].colour == marks[2].colour != marks[1].colour
