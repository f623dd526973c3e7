import numpy as np

from pocketdet.inputs.augment import Objects
from pocketdet.report.augmented import marks, sheet

OBJECTS = Objects(
    np.array([[2, 2, 20, 20], [30, 2, 40, 30], [0, 0, 60, 30]], np.float32),
    np.array([0, 1, -2], np.int32),
    np.array([False, False, True]),
    np.ones(3, np.float32),
)


def test_ignored_regions_are_hatched_and_classes_have_colours():
    person, bicycle, crowd = marks(OBJECTS, ("person", "bicycle"))
    assert (person.style, person.text) == ("solid", "person")
    assert person.colour != bicycle.colour
    assert (crowd.style, crowd.text) == ("hatched", "")


def test_sheet_shows_each_pair_with_its_boxes():
    grey = np.full((32, 64, 3), 128, np.uint8)
    none = Objects(
        *(getattr(OBJECTS, n)[:0] for n in ("boxes_xyxy", "labels", "ignore", "visible"))
    )
    pairs = [(f"{i}.jpg", (grey, none), (grey, OBJECTS)) for i in range(4)]
    page = np.asarray(sheet(pairs, ("person", "bicycle")))
    empty = np.asarray(sheet([(n, b, (grey, none)) for n, b, _ in pairs], ("person", "bicycle")))
    assert page.shape == empty.shape
    changed = np.nonzero((page != empty).any(2).any(0))[0]
    assert len(changed) > 100
    # Never in the left half of the first pair.
    assert changed.min() > 320
