import hashlib

import numpy as np
import pytest

from pocketdet.curation import strata
from pocketdet.curation.splitting import assign
from pocketdet.dataset import Box, Dataset, Image

SMALL, LARGE = (0, 0, 5, 5), (0, 0, 60, 60)


def image(n, *boxes):
    return Image(f"a/{n:04d}.jpg", (100, 100), boxes)


DATA = Dataset(
    ("person", "dog"),
    (
        image(0, Box("person", SMALL), Box("dog", LARGE)),
        image(1, Box("person", SMALL), Box("person", LARGE, "iscrowd")),
        image(2, Box("person", (0, 0, 20, 20))),
    ),
)


def test_kinds_are_class_and_size_of_what_counts():
    names, counts = strata.count(DATA)
    assert names == (
        "person small", "person medium", "person large", "dog small", "dog medium", "dog large",
    )  # fmt: skip
    assert counts.tolist() == [[1, 0, 0, 0, 0, 1], [1, 0, 0, 0, 0, 0], [0, 1, 0, 0, 0, 0]]


def test_the_table_names_the_share_of_each_kind():
    rows = strata.rows(DATA, {"train": ["a/0000.jpg", "a/0002.jpg"], "val": ["a/0001.jpg"]})
    assert rows == [
        ("kind", "objects", "train", "val"),
        ("(pictures)", 3, "0.6667", "0.3333"),
        ("person small", 2, "0.5000", "0.5000"),
        ("person medium", 1, "1.0000", "0.0000"),
        ("dog large", 1, "1.0000", "0.0000"),
    ]


def test_imbalance_is_zero_when_shares_agree_and_counts_enough_alone():
    counts = np.ones((40, 1))
    halves = [np.arange(20), np.arange(20, 40)]
    assert strata.imbalance(counts, halves) == 0
    counts[:20] = 3  # three quarters where a half is due
    assert strata.imbalance(counts, halves) == pytest.approx(0.5)
    assert strata.imbalance(counts[:4], [np.arange(2), np.arange(2, 4)]) == 0


def test_the_best_salt_balances_better_than_most_and_moves_nothing_later():
    rng = np.random.default_rng(0)
    kinds = rng.integers(0, 4, 500)

    def data(count):
        boxes = (Box("dog" if k % 2 else "person", LARGE if k > 1 else SMALL) for k in kinds)
        return Dataset(("person", "dog"), tuple(image(n, b) for n, b in zip(range(count), boxes,
                       strict=False)))  # fmt: skip

    def split(count, salt):
        d = data(count)
        contents = [hashlib.sha256(i.path.encode()).hexdigest() for i in d]
        shares = {"train": 0.7, "val": 0.15, "test": 0.15}
        return assign(d, [[i] for i in range(count)], contents, shares, 0, False, salt)

    def one(salt):
        return strata.best_salt(data(400), lambda _: split(400, salt), 1)[1]

    salt, best = strata.best_salt(data(400), lambda s: split(400, s), 40)
    assert best == one(salt) < 0.7 * np.median([one(s) for s in range(40)])
    old, new = split(400, salt), split(500, salt)
    assert all(set(old[name]) <= set(new[name]) for name in old)


def test_subsets_that_lack_a_class_are_named_and_the_best_salt_lacks_least():
    boxes = [("person", "dog") if n in (3, 17, 31) else ("person",) for n in range(60)]
    pictures = [image(n, *(Box(label, SMALL) for label in b)) for n, b in enumerate(boxes)]
    data = Dataset(("person", "dog", "cat"), tuple(pictures))
    contents = [hashlib.sha256(i.path.encode()).hexdigest() for i in data]
    shares = {"train": 0.6, "val": 0.2, "test": 0.2}

    def split(salt):
        return assign(data, [[i] for i in range(60)], contents, shares, 0, False, salt)

    found = [strata.absent(data, split(salt)) for salt in range(64)]
    assert {label for one in found for _, label in one} == {"dog"}  # of cats there are none at all
    assert [] in found
    assert found[strata.best_salt(data, split, 64)[0]] == []
    assert strata.absent(data, {"train": ["a/0003.jpg"], "val": ["a/0001.jpg"], "test": []}) == [
        ("val", "dog")
    ]
