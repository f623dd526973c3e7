import contextlib
import io

import numpy as np

from pocketdet.dataset import Box, Dataset, Image
from pocketdet.detector.decode import Detections
from pocketdet.scoring import coco
from pocketdet.scoring.matching import match

CLASSES = ("person", "dog")


def detections(*rows: tuple[float, ...]) -> Detections:
    table = np.asarray(rows, dtype=np.float32).reshape(-1, 6)
    return Detections(table[:, :4], table[:, 4], table[:, 5].astype(np.int64))


def picture(*boxes: Box) -> Image:
    return Image("a.jpg", (200, 100), boxes)


def test_better_score_takes_the_object_and_the_duplicate_is_a_false_alarm() -> None:
    found = detections((0, 0, 10, 9, 0.9, 0), (0, 0, 10, 10, 0.8, 0))
    matches = match(picture(Box("person", (0, 0, 10, 10))), found, CLASSES, 0.5)
    assert matches.verdicts == ("hit", "false alarm")
    assert matches.takers == (0,)
    np.testing.assert_allclose(matches.overlaps, (0.9, 1.0))


def test_class_must_agree_and_the_object_stays_missed() -> None:
    matches = match(
        picture(Box("dog", (0, 0, 10, 10))), detections((0, 0, 10, 10, 0.9, 0)), CLASSES, 0.5
    )
    assert matches.verdicts == ("false alarm",)
    assert matches.overlaps == (0.0,)
    assert matches.takers == (-1,)


def test_counting_object_comes_before_an_ignored_one_that_overlaps_more() -> None:
    image = picture(Box("person", (0, 0, 10, 10), ignore="difficult"), Box("person", (0, 0, 10, 7)))
    matches = match(image, detections((0, 0, 10, 10, 0.9, 0)), CLASSES, 0.5)
    assert matches.verdicts == ("hit",)
    assert matches.takers == (-1, 0)


def test_dont_care_absorbs_every_class_as_often_as_needed() -> None:
    image = picture(Box("DontCare", (0, 0, 100, 100), ignore="DontCare"))
    found = detections((5, 5, 9, 9, 0.9, 0), (20, 20, 40, 40, 0.8, 1), (90, 0, 130, 9, 0.7, 1))
    assert match(image, found, CLASSES, 0.5).verdicts == ("ignored", "ignored", "false alarm")


def test_empty_picture_and_empty_detections() -> None:
    assert match(picture(), detections(), CLASSES, 0.5).verdicts == ()
    assert match(picture(), detections((0, 0, 1, 1, 0.5, 0)), CLASSES, 0.5).verdicts == (
        "false alarm",
    )


def test_same_verdicts_as_pycocotools_on_random_scenes() -> None:
    from pycocotools.coco import COCO
    from pycocotools.cocoeval import COCOeval

    rng = np.random.default_rng(0)
    images, found = [], {}
    for i in range(60):
        corner = rng.integers(0, 12, (rng.integers(0, 9), 2)) * 4
        boxes = tuple(
            Box(
                CLASSES[rng.integers(2)],
                (int(x), int(y), int(x + rng.integers(8, 24)), int(y + rng.integers(8, 24))),
                "iscrowd" if rng.random() < 0.25 else "",
            )
            for x, y in corner
        )
        images.append(Image(f"{i}.jpg", (80, 80), boxes))
        rows = [
            (*(np.asarray(box.xyxy) + rng.integers(-3, 3, 4)), label, 0)
            for box in boxes
            for label in (0, 1)
            if rng.random() < 0.8
        ]
        scores = np.sort(rng.random(len(rows)))[::-1]
        found[f"{i}.jpg"] = detections(
            *((*row[:4], s, row[4]) for row, s in zip(rows, scores, strict=True))
        )
    dataset = Dataset(CLASSES, tuple(images))

    with contextlib.redirect_stdout(io.StringIO()):
        truth, guess = COCO(), COCO()
        truth.dataset = coco.ground_truth(dataset)
        truth.createIndex()
        rows = coco.results(dataset, found)
        areas = [{**r, "id": i + 1, "area": 1, "iscrowd": 0} for i, r in enumerate(rows)]
        guess.dataset = {**truth.dataset, "annotations": areas}
        guess.createIndex()
        run = COCOeval(truth, guess, "bbox")
        run.evaluate()
    verdicts = {}
    for cell in run.evalImgs:
        if cell and cell["aRng"] == run.params.areaRng[0]:
            for number, taken, ignored in zip(
                cell["dtIds"], cell["dtMatches"][0], cell["dtIgnore"][0], strict=True
            ):
                verdicts[number] = "ignored" if ignored else "hit" if taken else "false alarm"
    ours = [v for image in images for v in match(image, found[image.path], CLASSES, 0.5).verdicts]
    assert ours == [verdicts[i + 1] for i in range(len(rows))]
    assert {"hit", "false alarm", "ignored"} == set(ours)
