"""COCO's average precision, arranged so that it is quick to take again over resampled pictures.

AP (Lin et al. 2014; COCOeval.accumulate): precision, made not to rise with falling recall, read at
101 recalls 0, 0.01 .. 1 and averaged. Only hits matter to it: between two of them precision just
falls. So a detection set of 500,000 comes down to one running sum (how many detections so far)
read at its hits, at most objects x thresholds of them, however many false alarms there are.

A picture that is drawn w times counts like w copies of it, which follow each other among equal
scores. Weights are whole numbers and recalls are compared as pycocotools does, so that AP equals
what it gives for those copies. (Two equal scores of one class in one picture are the exception:
w copies would interleave them, weights cannot.)
"""

from dataclasses import dataclass

import numpy as np

from pocketdet.scoring.columns import Bools, Floats, Ints
from pocketdet.scoring.table import Table

RECALLS = np.linspace(0.0, 1.0, 101)


@dataclass(frozen=True)
class Ranking:
    """Hits by threshold, class and score, each with what it takes to know its precision.

    A segment is a threshold and a class: number t * K + k. Hits lie segment by segment, best
    score first.

    Attributes:
        shape: T thresholds, K classes.
        pictures: I, the length of the weights.
        object_picture: (G,) picture of each object that counts.
        object_class: (G,) its class.
        rank_picture: (D,) picture of each detection, by class and score.
        hit_rank: (H,) place of each hit among those.
        hit_segment: (H,) its segment.
        class_start: (K,) first place of each class.
        ignored_picture: (N,) picture of each ignored detection, by segment and place.
        ignored_before: (H,) how many of them lie before each hit.
        ignored_start: (S,) how many of them lie before each segment.
    """

    shape: tuple[int, int]
    pictures: int
    object_picture: Ints
    object_class: Ints
    rank_picture: Ints
    hit_rank: Ints
    hit_segment: Ints
    class_start: Ints
    ignored_picture: Ints
    ignored_before: Ints
    ignored_start: Ints

    def average_precision(self, weights: Ints | None = None) -> Floats:
        """AP of each threshold and class, (T, K); NaN for a class without objects.

        Args:
            weights: (I,) how often each picture counts; None for once.
        """
        if weights is None:
            weights = np.ones(self.pictures, np.int64)
        thresholds, classes = self.shape
        objects = np.bincount(
            self.object_class, weights[self.object_picture], minlength=classes
        ).astype(np.int64)
        hits = _running(weights[self.rank_picture[self.hit_rank]])  # (H + 1,)
        segments = np.arange(thresholds * classes)
        start = np.searchsorted(self.hit_segment, segments)
        end = np.searchsorted(self.hit_segment, segments, side="right")

        seen = _running(weights[self.rank_picture])
        ignored = _running(weights[self.ignored_picture])
        shown = seen[self.hit_rank + 1] - seen[self.class_start[self.hit_segment % classes]]
        shown -= ignored[self.ignored_before] - ignored[self.ignored_start[self.hit_segment]]
        correct = hits[1:] - hits[start[self.hit_segment]]
        precision = correct / np.maximum(shown, 1)
        # Highest precision from each hit to the end of its segment: one pass from behind, where
        # each segment stands 2 above the one behind it.
        step = 2.0 * (segments[-1] - self.hit_segment) if len(segments) else np.zeros(0)
        envelope = np.maximum.accumulate((precision + step)[::-1])[::-1] - step

        # At the first hit by which the wanted recall is reached; 0 where it never is.
        wanted = hits[start][:, None] + np.tile(_needed(objects), (thresholds, 1))  # (S, 101)
        at = np.searchsorted(hits[1:], wanted)
        reached = wanted <= hits[end][:, None]
        values = np.where(reached, np.append(envelope, 0.0)[np.where(reached, at, -1)], 0.0)
        ap: Floats = values.mean(axis=1).reshape(thresholds, classes)
        ap[:, objects == 0] = np.nan
        return ap


def rank(table: Table, pictures: Bools | None = None) -> Ranking:
    """The detections and objects of a table, of some pictures (I,) or of all."""
    found, objects = table.found, table.objects
    keep = np.ones(len(objects.images), np.bool_) if pictures is None else pictures
    chosen = keep[found.image]
    counts = table.counts & keep[objects.image]
    return rank_columns(
        len(objects.classes),
        len(objects.images),
        (objects.image[counts], objects.label[counts]),
        (found.image[chosen], found.label[chosen], found.scores[chosen]),
        table.hit[:, chosen],
        table.ignored[:, chosen],
    )


def rank_columns(
    classes: int,
    pictures: int,
    objects: tuple[Ints, Ints],
    found: tuple[Ints, Ints, Floats],
    hit: Bools,
    ignored: Bools,
) -> Ranking:
    """A ranking from bare columns.

    Args:
        classes: K.
        pictures: I.
        objects: Picture and class of each object that counts, (G,) each.
        found: Picture, class and score of each detection, (D,) each, in the order of the pictures.
        hit: (T, D) took an object.
        ignored: (T, D) neither rewards nor punishes.
    """
    image, label, scores = found
    order = np.lexsort((-scores, label))  # stable, so equal scores stay in the pictures' order
    label = label[order]
    hit_t, hit_rank = np.nonzero(hit[:, order])
    out_t, out_rank = np.nonzero(ignored[:, order])
    hit_segment = hit_t * classes + label[hit_rank]
    out_key = out_t * (len(order) + 1) + out_rank  # rises: classes follow each other in rank
    class_start = np.searchsorted(label, np.arange(classes))
    segment_key = (np.arange(len(hit))[:, None] * (len(order) + 1) + class_start).reshape(-1)
    return Ranking(
        shape=(len(hit), classes),
        pictures=pictures,
        object_picture=objects[0],
        object_class=objects[1],
        rank_picture=image[order],
        hit_rank=hit_rank,
        hit_segment=hit_segment,
        class_start=class_start,
        ignored_picture=image[order][out_rank],
        ignored_before=np.searchsorted(out_key, hit_t * (len(order) + 1) + hit_rank),
        ignored_start=np.searchsorted(out_key, segment_key),
    )


def _running(weights: Ints) -> Ints:
    """Sums of the first 0, 1 .. N weights, (N,) -> (N + 1,)."""
    sums = np.zeros(len(weights) + 1, np.int64)
    np.cumsum(weights, out=sums[1:])
    return sums


def _needed(objects: Ints) -> Ints:
    """Hits by which each recall of `RECALLS` is reached, (K,) -> (K, 101), at least 1.

    The least h with h / objects >= recall in floats: pycocotools divides and compares so.
    """
    n = np.maximum(objects, 1)[:, None]
    need = np.ceil(RECALLS * n)
    need = np.where((need - 1) / n >= RECALLS, need - 1, need)
    need = np.where(need / n < RECALLS, need + 1, need)
    result: Ints = np.maximum(need, 1).astype(np.int64)
    return result
