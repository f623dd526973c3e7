import io
import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image as PIL
from PIL import ImageFilter

from pocketdet.curation.duplicates import HASH_BITS, clusters, dhash, near_pairs


def flipped(value: bytes, bits) -> str:
    number = int.from_bytes(value, "big")
    for bit in bits:
        number ^= 1 << bit
    return number.to_bytes(HASH_BITS // 8, "big").hex()


hash_families = st.lists(
    st.tuples(
        st.sampled_from([b"\0" * 32, b"\xff" * 32, bytes(range(32))]),
        st.sets(st.integers(0, HASH_BITS - 1), max_size=14),
    ),
    max_size=12,
).map(lambda rows: [flipped(*row) for row in rows])


@given(hashes=hash_families, max_bits=st.integers(0, 20))
def test_pairs_equal_brute_force(hashes, max_bits):
    """Copies come once each, with the first of them; all others must all be there."""
    first = {value: i for i, value in reversed(list(enumerate(hashes)))}
    wanted = {(first[value], i, 0) for i, value in enumerate(hashes) if first[value] != i}
    for a, b in itertools.combinations(sorted(first.values()), 2):
        bits = (int(hashes[a], 16) ^ int(hashes[b], 16)).bit_count()
        if bits <= max_bits:
            wanted.add((a, b, bits))
    found = list(near_pairs(hashes, max_bits))
    assert len(found) == len(set(found))
    assert set(found) == wanted


def test_clusters_are_transitive_and_ordered():
    chain = [flipped(b"\0" * 32, range(3 * n)) for n in (2, 0, 1)]
    far = flipped(b"\xff" * 32, ())
    assert clusters(["a", "b", "c", "d"], [*chain, far], 3) == [[0, 1, 2], [3]]
    assert clusters(["a", "b", "c", "a"], [*chain, far], 2) == [[0, 3], [1], [2]]
    assert clusters([], [], 4) == []


@pytest.fixture
def photo():
    """Smooth noise with large and small structure, as photos have."""
    noise = np.random.default_rng(3).integers(0, 255, (12, 16, 3), dtype=np.uint8)
    picture = PIL.fromarray(noise).resize((320, 240), PIL.Resampling.BICUBIC)
    return picture.filter(ImageFilter.GaussianBlur(2))


def bits(a: PIL.Image, b: PIL.Image) -> int:
    return (int(dhash(a), 16) ^ int(dhash(b), 16)).bit_count()


def test_copies_that_were_saved_scaled_or_brightened_stay_near(photo):
    file = io.BytesIO()
    photo.save(file, "JPEG", quality=60)
    assert bits(photo, PIL.open(file)) <= 16
    assert bits(photo, photo.resize((160, 120))) <= 16
    assert bits(photo, photo.point(lambda v: min(255, v + 12))) <= 16


def test_other_pictures_are_far(photo):
    assert bits(photo, photo.transpose(PIL.Transpose.FLIP_LEFT_RIGHT)) > 60
    assert bits(photo, photo.transpose(PIL.Transpose.FLIP_TOP_BOTTOM)) > 60


def test_names_join_clusters():
    hashes = [f"{n:064x}" for n in (0, 0, 2**200 - 1, 2**128 - 1, 2**255)]
    contents = list("abcde")
    assert clusters(contents, hashes, 0) == [[0, 1], [2], [3], [4]]
    names = ["", "v", "v", "w", ""]
    assert clusters(contents, hashes, 0, names) == [[0, 1, 2], [3], [4]]
