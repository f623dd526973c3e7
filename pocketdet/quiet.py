"""Keeps what TensorFlow, LiteRT and coremltools print from C++ out of the log, unless they fail."""

import contextlib
import os
import sys
import tempfile
from collections.abc import Iterator

from pocketdet.errors import PocketdetError


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    """Hold back everything that is written to the process' stderr; show it if the body crashes.

    An error that is meant for the user is no crash. Python's own logging and `warnings` cannot do
    this: they write from C++.
    """
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    sys.stderr.flush()
    stderr = os.dup(2)
    with tempfile.TemporaryFile() as held:
        os.dup2(held.fileno(), 2)
        try:
            yield
        except PocketdetError:  # whose message says it all
            raise
        except BaseException:
            sys.stderr.flush()
            held.seek(0)
            os.write(stderr, held.read())
            raise
        finally:
            sys.stderr.flush()
            os.dup2(stderr, 2)
            os.close(stderr)
