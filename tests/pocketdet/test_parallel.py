import threading
import time

import pytest

from pocketdet.parallel import in_order


def test_keeps_the_order_when_later_items_finish_first():
    def slow_first(i: int) -> int:
        time.sleep(0.03 if i % 3 == 0 else 0)
        return i

    assert list(in_order(slow_first, range(12), workers=3, ahead=6)) == list(range(12))


def test_runs_no_further_ahead_than_told():
    started: list[int] = []
    results = in_order(lambda i: started.append(i), range(100), workers=2, ahead=3)
    next(results)
    time.sleep(0.05)
    assert len(started) <= 4
    results.close()


def test_raises_the_error_of_an_item_in_its_turn():
    results = in_order(lambda i: 1 // (2 - i), range(5), workers=2, ahead=4)
    assert [next(results), next(results)] == [0, 1]
    with pytest.raises(ZeroDivisionError):
        next(results)


def test_leaves_no_thread_behind_when_closed_early():
    before = threading.active_count()
    results = in_order(lambda i: i, range(1000), workers=3, ahead=8)
    next(results)
    results.close()
    assert threading.active_count() == before


def test_no_items_no_results():
    assert list(in_order(str, [], workers=1, ahead=1)) == []
