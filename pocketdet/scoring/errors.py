"""Why average precision is not 1: TIDE's six errors, and the AP50 that fixing each would gain.

Bolya, Foley, Hays & Hoffman, TIDE: A General Toolbox for Identifying Object Detection Errors, ECCV
2020, sections 2.2 and 2.3, with t_f = 0.5 and t_b = 0.1. A false alarm is, the first that holds:

    localisation    overlaps an object of its class by 0.1 to 0.5
    class           overlaps an object of another class by 0.5 or more
    duplicate       overlaps an object of its class by 0.5 or more, which a better one took
    background      overlaps no object by 0.1 or more
    both            else: overlaps an object of another class by 0.1 to 0.5

and an object that was not found is `missed` unless a localisation or class error points at it.

Fixing moves the box, or changes the class, of the best of the errors that point at an object not
found, and removes the others; removes duplicates, background and both; takes missed objects out of
the count. Each kind is fixed alone, so gains do not add up. Order of the tests and choice of the
best error are those of the authors' tidecv 1.0.1, but for what lies in regions to ignore: it is no
error here.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from pocketdet.scoring.columns import Bools, Floats, Ints
from pocketdet.scoring.overlaps import Pairs
from pocketdet.scoring.ranking import rank_columns
from pocketdet.scoring.table import NEAR, Table

FOREGROUND = 0.5
KINDS = ("localisation", "class", "both", "duplicate", "background")
"""Kinds of false alarms, in the order of their numbers."""
MISSED = "missed"
NO_ERROR = -1


@dataclass(frozen=True)
class Anatomy:
    """The errors of a subset.

    Attributes:
        kind: (D,) number in `KINDS` of each detection of the table, or NO_ERROR.
        target: (D,) object that it should have been, took after another, or overlaps most; -1 for
            none. Of a hit the object that it took.
        missed: (G,) objects that nothing points at.
        counts: Kind, or "missed" -> how many.
        gains: Kind, or "missed" -> AP50 gained if it alone were fixed, 0 or more; None if there is
            no object.
        ap50: As it is.
    """

    kind: Ints
    target: Ints
    missed: Bools
    counts: Mapping[str, int]
    gains: Mapping[str, float | None]
    ap50: float | None


def anatomy(table: Table) -> Anatomy:
    """Sort a table's errors and weigh them."""
    row = table.row(FOREGROUND)
    hit, ignored = table.hit[row], table.ignored[row]
    found, objects = table.found, table.objects
    near = table.near.take(table.counts[table.near.object])
    same = objects.label[near.object] == found.label[near.found]
    own, own_overlap = _closest(near.take(same), len(found))
    other, other_overlap = _closest(near.take(~same), len(found))

    tests = {
        "localisation": (own_overlap >= NEAR) & (own_overlap < FOREGROUND),
        "class": other_overlap >= FOREGROUND,
        "duplicate": own_overlap >= FOREGROUND,
        "background": (own < 0) & (other < 0),
        "both": np.ones(len(found), np.bool_),
    }
    kind = np.full(len(found), NO_ERROR, np.int64)
    for name, holds in tests.items():
        kind[holds & (kind == NO_ERROR) & ~hit & ~ignored] = KINDS.index(name)
    by_class = np.isin(kind, (KINDS.index("class"), KINDS.index("both")))
    target = np.where(hit, table.partner[row], np.where(by_class, other, own))

    taken = np.zeros(len(objects), np.bool_)
    taken[table.partner[row][hit]] = True
    pointing = np.isin(kind, (KINDS.index("localisation"), KINDS.index("class")))
    pointing[pointing] = ~taken[target[pointing]]
    missed = table.counts & ~taken
    missed[target[pointing]] = False
    # Of the errors that point at an object the first: detections lie best score first.
    best = np.zeros(len(found), np.bool_)
    best[np.flatnonzero(pointing)[np.unique(target[pointing], return_index=True)[1]]] = True

    counts = {name: int(np.sum(kind == k)) for k, name in enumerate(KINDS)}
    ap50 = _ap50(table, hit, ~ignored, found.label, table.counts)
    gains: dict[str, float | None] = {}
    for k, name in enumerate(KINDS):
        wrong = kind == k
        fixed = wrong & best
        label = found.label.copy()
        label[fixed] = objects.label[target[fixed]]
        better = _ap50(table, hit | fixed, ~ignored & (~wrong | fixed), label, table.counts)
        gains[name] = _gain(ap50, better)
    gains[MISSED] = _gain(ap50, _ap50(table, hit, ~ignored, found.label, table.counts & ~missed))
    return Anatomy(kind, target, missed, {**counts, MISSED: int(missed.sum())}, gains, ap50)


def _closest(near: Pairs, detections: int) -> tuple[Ints, Floats]:
    """The object that each detection overlaps most, -1 for none, and by how much, (D,) each."""
    near = near.take(np.lexsort((near.object, -near.overlap, near.found)))
    which, first = np.unique(near.found, return_index=True)
    closest, overlap = np.full(detections, -1, np.int64), np.zeros(detections)
    closest[which], overlap[which] = near.object[first], near.overlap[first]
    return closest, overlap


def _ap50(table: Table, hit: Bools, shown: Bools, label: Ints, counts: Bools) -> float | None:
    """AP50 over the classes that have objects; one whose objects are all gone scores 0."""
    objects, found = table.objects, table.found
    ranking = rank_columns(
        len(objects.classes),
        len(objects.images),
        (objects.image[counts], objects.label[counts]),
        (found.image[shown], label[shown], found.scores[shown]),
        hit[None, shown],
        np.zeros((1, int(shown.sum())), np.bool_),
    )
    classes = np.unique(objects.label[table.counts])
    if not len(classes):
        return None
    return float(np.nan_to_num(ranking.average_precision()[0, classes]).mean())


def _gain(before: float | None, after: float | None) -> float | None:
    # Removing a false alarm can cost a last digit where precision is read at other recalls.
    return None if before is None or after is None else max(after - before, 0.0)
