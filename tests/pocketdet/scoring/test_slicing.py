import numpy as np
import pytest

from pocketdet.dataset import Box, Dataset, Image
from pocketdet.detector.decode import Detections
from pocketdet.scoring import coco, ranking, results
from pocketdet.scoring.slicing import Slice, cut
from pocketdet.slices import parse

NOTHING = Detections(np.zeros((0, 4)), np.zeros(0), np.zeros(0, np.int64))


def slices(dataset, found, brightness=None, contents=None, **named: str) -> dict[str, Slice]:
    table = results.matched(dataset, {0.6: found}, 100)[0.6]
    contents = contents or {image.path: "bytes" for image in dataset}
    return {each.name: each for each in cut(parse(named), table, dataset, brightness, contents)}


def ap(part: Slice) -> float:
    return float(np.nanmean(ranking.rank(part.table, part.pictures).average_precision()))


def test_ranges_of_sizes_are_cocos(make_scene) -> None:
    dataset, found = make_scene(3)
    expected = coco.score(dataset, found).overall
    parts = slices(
        dataset, found, small="area <= 1024", medium="1024 <= area <= 9216", large="area >= 9216"
    )
    for name, part in parts.items():
        assert ap(part) == pytest.approx(expected[f"AP_{name}"], abs=1e-12), name


def test_slice_of_pictures_scores_as_those_pictures_alone(make_scene) -> None:
    dataset, found = make_scene(1)
    light = np.linspace(0, 1, len(dataset))
    part = slices(dataset, found, light, dark="brightness < 0.3")["dark"]
    paths = [image.path for image, b in zip(dataset, light, strict=True) if b < 0.3]
    alone = coco.score(dataset.subset(paths), {path: found[path] for path in paths})
    assert ap(part) == pytest.approx(alone.overall["AP"], abs=1e-12)


def test_slice_of_one_class_scores_as_that_class(make_scene) -> None:
    dataset, found = make_scene(2)
    part = slices(dataset, found, one="label == 'b'")["one"]
    expected = coco.score(dataset, found).per_class["b"]["AP"]
    assert ap(part) == pytest.approx(expected, abs=1e-12)


def test_relative_sizes_follow_the_picture() -> None:
    boxes = (Box("a", (0, 0, 20, 20)),)
    dataset = Dataset(("a",), (Image("0", (40, 40), boxes), Image("1", (400, 400), boxes)))
    part = slices(dataset, {"0": NOTHING, "1": NOTHING}, large="relative_side > 0.3")["large"]
    assert part.table.counts.tolist() == [True, False]
    assert part.members == ["0\t0", "1"]


def test_detection_cannot_be_ruled_out_by_what_it_does_not_have() -> None:
    """A false alarm counts in a slice of hidden objects: it may be a hidden one."""
    hidden, open_ = Box("a", (0, 0, 9, 9), occlusion=2), Box("a", (20, 0, 29, 9), occlusion=0)
    unknown = Box("a", (40, 0, 49, 9))
    dataset = Dataset(("a",), (Image("0", (90, 90), (hidden, open_, unknown)),))
    boxes = np.asarray([(0, 0, 9, 9), (20, 0, 29, 9), (60, 60, 70, 70)], np.float64)
    found = {"0": Detections(boxes, np.asarray([0.5, 0.8, 0.9]), np.zeros(3, np.int64))}
    table = slices(dataset, found, hidden="occlusion >= 1")["hidden"].table
    assert table.counts.tolist() == [True, False, False]
    assert table.ignored[0].tolist() == [
        False,
        True,
        False,
    ]  # best score first: alarm, open, hidden
    assert table.hit[0].tolist() == [False, False, True]


def test_membership_has_a_hash_of_its_own(make_scene) -> None:
    dataset, found = make_scene(4)
    parts = slices(
        dataset, found, a="width < 40", b="width < 40.0", c="width >= 40", none="width < 0"
    )
    assert parts["a"].sha256 == parts["b"].sha256 != parts["c"].sha256
    members = {*parts["a"].members, *parts["c"].members}
    counting = sum(not box.ignore for image in dataset for box in image.boxes)
    assert sum("\t" in line for line in members) == counting
    assert not any("\t" in line for line in parts["none"].members)


def test_its_hash_is_that_of_its_pictures_and_boxes_and_of_no_others() -> None:
    small, large = Box("a", (0, 0, 9, 9)), Box("a", (20, 0, 60, 40))

    def hashes(first: Box = small, second: Box = large, content: str = "bytes") -> list[str]:
        dataset = Dataset(("a",), (Image("0", (90, 90), (first, second)),))
        parts = slices(
            dataset, {"0": NOTHING}, None, {"0": content}, small="width < 20", large="width > 20"
        )
        return [parts["small"].sha256, parts["large"].sha256]

    small_hash, large_hash = hashes()
    moved, same = hashes(first=Box("a", (1, 0, 10, 9)))
    assert (moved != small_hash, same == large_hash) == (True, True)
    assert not {small_hash, large_hash} & {*hashes(content="others")}
