"""How often training shows each photo: all alike, or rare classes and small sources more often.

A weight of 2 shows a photo twice an epoch on average; weights have the mean 1, so that an epoch
stays as long as it is. An epoch's order is a pure function of weights and random numbers.
"""

from collections import Counter
from collections.abc import Collection, Sequence

import numpy as np
import numpy.typing as npt

from pocketdet.config import Balance

Floats = npt.NDArray[np.float64]


def weights(
    classes_of: Sequence[Collection[int]], source_of: Sequence[str], balance: Balance
) -> Floats:
    """Weight of each photo, (N,) with the mean 1.

    "class" repeats photos as LVIS does (Gupta et al. 2019, section 4.1): a class in a share f of
    the photos asks for sqrt(f_most / f), a photo follows the rarest class in it, and one without
    objects asks for 1. The root holds back the few photos of a very rare class, which would be
    learnt by heart. "source" lets every source have the same share of an epoch; "both" multiplies.

    Args:
        classes_of: Classes of which each photo has an object that counts.
        source_of: Source of each photo.
        balance: What to balance.
    """
    found = np.ones(len(classes_of))
    if balance in ("class", "both"):
        photos = Counter(label for labels in classes_of for label in set(labels))
        most = max(photos.values(), default=1)
        wanted = {label: (most / count) ** 0.5 for label, count in photos.items()}
        found *= [max((wanted[label] for label in labels), default=1.0) for labels in classes_of]
    if balance in ("source", "both"):
        # Of what the classes ask for, so that both hold together.
        names, source = np.unique(source_of, return_inverse=True)
        found /= np.bincount(source, found, len(names))[source]
    found /= found.mean()
    return found


def order(shares: Floats | None, count: int, rng: np.random.Generator) -> npt.NDArray[np.int64]:
    """The photos of an epoch, (count,) indices in random order.

    A photo of weight w comes floor(w) or ceil(w) times (systematic sampling), so that a weight of 1
    is exactly once.

    Args:
        shares: Weights of the mean 1; None = all alike.
        count: Number of photos.
        rng: Drawn from once without weights, and twice with them.
    """
    places = rng.permutation(count)
    if shares is None:
        return places
    steps = np.cumsum(shares) * (count / shares.sum())
    steps[-1] = count  # not a rounding error below it
    picks = np.searchsorted(steps, np.arange(count) + rng.random(), side="right")
    return picks[places]
