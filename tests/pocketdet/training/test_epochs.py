from pathlib import Path

import pytest
import yaml

from pocketdet.config import Train
from pocketdet.training.epochs import Epoch, following, kept, measured
from pocketdet.training.schedule import Schedule

PARAMS = Path(__file__).resolve().parents[3] / "params.yaml"


def schedule(quantised=0, **changes):
    """Ten epochs, the last ones rounded."""
    fields = yaml.safe_load(PARAMS.read_text())["train"] | {"epochs": 10} | changes
    fields["phases"][-1]["epochs"] = quantised
    return Schedule(Train(**fields), 5)


def history(*aps, first=1):
    return [Epoch(n, 5 * n, "x", 0.1, *[1.0] * 10, ap, ap) for n, ap in enumerate(aps, start=first)]


def test_ap_is_measured_now_and_then_and_at_the_end_of_either_part():
    s = schedule(quantised=3, validate_every=4)
    assert [n for n in range(1, 11) if measured(n, s)] == [4, 7, 8, 10]


@pytest.mark.parametrize(
    ("aps", "best"),
    [
        ((0.2, 0.5, 0.4), 2),
        ((0.2, None, 0.5, 0.5), 3),  # of equals the first
        ((None, None), 2),  # nothing measured yet, or nothing to measure it by
        ((0.1, None), 1),
        ((0.0, None, 0.0), 1),
    ],
)
def test_the_best_is_kept_or_the_last(aps, best):
    assert kept(history(*aps), schedule(keep="best")).epoch == best
    assert kept(history(*aps), schedule(keep="last")).epoch == len(aps)


def test_of_a_rounded_training_a_rounded_epoch_is_kept():
    s = schedule(quantised=3)
    aps = (0.5, 0.9, 0.5, 0.5, 0.5, 0.5, 0.5)
    assert kept(history(*aps), s).epoch == 2
    assert kept(history(*aps, None), s).epoch == 8
    assert kept(history(*aps, 0.3, 0.6, 0.4), s).epoch == 9


def test_without_patience_no_epoch_is_left_out():
    assert following([], schedule()) == 0
    assert following(history(0.9, 0.1, 0.1, 0.1), schedule(patience=0)) == 4


def test_patience_is_counted_in_epochs_and_ends_where_ap_was_measured():
    s = schedule(patience=3)
    assert following(history(0.5, None, 0.4), s) == 3
    assert following(history(0.5, None, 0.4, None, None), s) == 5
    assert following(history(0.5, None, 0.4, None, None, 0.5), s) == 10
    assert following(history(0.5, None, 0.4, None, None, 0.6), s) == 6
    assert following(history(None, None, None, None, None), s) == 5
    last = schedule(patience=3, keep="last")
    assert following(history(0.5, 0.4, 0.4, 0.4), last) == 10


def test_patience_leads_to_the_rounded_epochs_and_is_counted_anew_there():
    s = schedule(quantised=4, patience=2)
    done = history(0.5, 0.4, 0.4)
    assert following(done, s) == 6
    assert following(done + history(0.3, first=7), s) == 7
    assert following(done + history(0.3, 0.2, first=7), s) == 8
    assert following(done + history(0.3, 0.2, 0.2, first=7), s) == 10
    assert following(history(0.5, 0.4, 0.4, 0.4, 0.4, 0.4), s) == 6
