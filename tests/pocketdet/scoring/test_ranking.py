import numpy as np
import pytest

from pocketdet.scoring import coco, columns, ranking, table


def ranked(dataset, found) -> ranking.Ranking:
    objects, given = columns.objects_of(dataset), columns.found_of(dataset, found)
    return ranking.rank(table.match(objects, given, 100))


def numbers(ap, classes) -> dict[str, dict[str, float]]:
    return {
        name: {"AP": ap[:, k].mean(), "AP50": ap[0, k], "AP75": ap[5, k]}
        for k, name in enumerate(classes)
    }


def compare(ap, dataset, found) -> None:
    expected = coco.score(dataset, found)
    for name, values in numbers(ap, dataset.classes).items():
        for number, value in values.items():
            wanted = expected.per_class[name][number]
            wanted = np.nan if wanted is None else wanted
            assert value == pytest.approx(wanted, abs=1e-12, nan_ok=True), (name, number)


@pytest.mark.parametrize("seed", range(4))
def test_average_precision_is_pycocotools(make_scene, seed) -> None:
    dataset, found = make_scene(seed)
    compare(ranked(dataset, found).average_precision(), dataset, found)


@pytest.mark.parametrize("seed", range(8))
def test_weights_are_copies_of_the_pictures(make_scene, repeated, seed) -> None:
    dataset, found = make_scene(seed, images=15)
    times = np.random.default_rng(seed).multinomial(15, np.full(15, 1 / 15))
    ap = ranked(dataset, found).average_precision(times)
    compare(ap, *repeated(dataset, found, times))


def test_some_pictures_are_a_data_set_of_their_own(make_scene) -> None:
    dataset, found = make_scene(2)
    chosen = np.arange(len(dataset)) % 3 == 0
    objects, given = columns.objects_of(dataset), columns.found_of(dataset, found)
    part = ranking.rank(table.match(objects, given, 100), chosen)
    paths = [image.path for image, keep in zip(dataset, chosen, strict=True) if keep]
    compare(part.average_precision(), dataset.subset(paths), {path: found[path] for path in paths})


def test_class_without_objects_is_nan_and_without_detections_zero(make_scene) -> None:
    dataset, found = make_scene(1, classes=2)
    ap = ranked(dataset, found).average_precision(np.zeros(len(dataset), np.int64))
    assert np.isnan(ap).all()
    empty = {
        path: type(d)(d.boxes_xyxy[:0], d.scores[:0], d.labels[:0]) for path, d in found.items()
    }
    assert (ranked(dataset, empty).average_precision() == 0).all()


def test_recalls_are_reached_where_pycocotools_reaches_them() -> None:
    """Whatever the last digit of h / n against 0.01 * i says: by brute force over h."""
    totals = np.arange(1, 401)
    needed = ranking._needed(totals)
    for n, row in zip(totals.tolist(), needed, strict=True):
        recalls = np.arange(1, n + 1) / n
        expected = np.searchsorted(recalls, ranking.RECALLS, side="left") + 1
        assert np.array_equal(row, expected), n
