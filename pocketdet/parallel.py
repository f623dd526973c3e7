"""Work ahead on threads without giving up order: what comes out depends on nothing but the input.

Pillow, OpenCV and numpy release the interpreter lock while they work on pixels, so threads do.
"""

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import islice
from typing import TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")


def in_order(
    function: Callable[[Item], Result], items: Iterable[Item], workers: int, ahead: int
) -> Iterator[Result]:
    """Results of `function` in the order of `items`, computed on threads before they are asked for.

    Unlike `Executor.map` it never holds more than `ahead` results, whatever the number of items.

    Args:
        function: Safe to call from several threads at once.
        items: Read in the calling thread, lazily.
        workers: Number of threads.
        ahead: Results that may be waiting or in the making at once, at least 1.

    Yields:
        The results. The error of an item is raised in its turn; what lies behind it is given up.
    """
    queue = iter(items)
    pending: deque[Future[Result]] = deque()
    with ThreadPoolExecutor(workers, thread_name_prefix="ahead") as pool:
        try:
            for item in islice(queue, ahead):
                pending.append(pool.submit(function, item))
            while pending:
                result = pending.popleft().result()
                for item in islice(queue, 1):
                    pending.append(pool.submit(function, item))
                yield result
        finally:
            for future in pending:
                future.cancel()
