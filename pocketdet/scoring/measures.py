"""The table of everything that is measured: add a metric here, and nowhere else.

per_class.csv, metrics.json (and with it `dvc metrics diff` and MLflow), the report's tables and the
comparison of two runs follow.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import numpy as np

from pocketdet.dataset import ALL
from pocketdet.scoring import bootstrap, coco
from pocketdet.scoring.results import SubsetResult

Of = Callable[[SubsetResult, str], float | None]


@dataclass(frozen=True)
class Measure:
    """A number of each class and of all together.

    Attributes:
        name: In metrics.json and as the column of per_class.csv.
        title: As the heading of a table.
        part: Table of the report that shows it: average precision, the operating point, or none.
        of: The number of a subset and a class (or "(all)"); None where it is undefined.
        headline: Whether metrics.json has it, for `dvc exp show` and MLflow.
        each_class: Whether metrics.json has it of each class of test too, as CLASS_NAME.
        more_is_better: For the comparison of two runs.
    """

    name: str
    title: str
    part: Literal["scores", "point"]
    of: Of
    headline: bool = True
    each_class: bool = False
    more_is_better: bool = True


def _coco(number: str) -> Of:
    def of(result: SubsetResult, name: str) -> float | None:
        scores = result.scores
        return (scores.overall if name == ALL else scores.per_class[name])[number]

    return of


def _share(number: str) -> Of:
    row = bootstrap.SHARES.index(number)

    def of(result: SubsetResult, name: str) -> float | None:
        column = None if name == ALL else result.dataset.classes.index(name)
        hits, alarms, objects = result.tally.of(column)
        part, whole = ((hits, hits + alarms), (hits, objects), (alarms, len(result.dataset)))[row]
        return part / whole if whole else None

    return of


def _calibration_error(result: SubsetResult, name: str) -> float | None:
    return result.reliability[name].error


def _threshold(result: SubsetResult, name: str) -> float | None:
    classes = result.dataset.classes
    mins = np.asarray(result.point.class_score_min or [result.point.score_min] * len(classes))
    if name != ALL:
        return float(mins[classes.index(name)])
    return result.point.score_min if len(set(mins.tolist())) == 1 else None


MEASURES = (
    *(
        Measure(
            n,
            n.replace("_", " "),
            "scores",
            _coco(n),
            headline=n in bootstrap.NUMBERS,
            each_class=n in ("AP", "AP50"),
        )
        for n in coco.NUMBERS
    ),
    Measure(
        "calibration_error", "Calibration error", "scores", _calibration_error, more_is_better=False
    ),
    Measure("threshold", "Score ≥", "point", _threshold, headline=False),
    Measure("precision", "Precision", "point", _share("precision"), each_class=True),
    Measure("recall", "Recall", "point", _share("recall"), each_class=True),
    Measure(
        "false_alarms_per_image",
        "False alarms a picture",
        "point",
        _share("false_alarms_per_image"),
        more_is_better=False,
    ),
)
