import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pocketdet.curation.splitting import assign, digest, group_rows, leaks, refuse_leaks
from pocketdet.dataset import SUBSETS, Box, Dataset, Image
from pocketdet.errors import DatasetError

SHARES = {"train": 0.7, "val": 0.15, "test": 0.15}
PERSON = Box("person", (0, 0, 9, 9))
BICYCLE = Box("bicycle", (0, 0, 9, 9))


def dataset(count, boxes=lambda n: (PERSON,), subset=lambda n: "", prefix="a"):
    images = (
        Image(f"{prefix}/{n:04d}.jpg", (9, 9), boxes(n), subset=subset(n)) for n in range(count)
    )
    return Dataset(("person", "bicycle"), tuple(images))


def contents(data):
    return [hashlib.sha256(image.path.encode()).hexdigest() for image in data]


def split(data, groups=None, seed=0, official=True, shares=SHARES):
    return assign(
        data, groups or [[i] for i in range(len(data))], contents(data), shares, seed, official
    )


def places(subsets):
    return {path: name for name, paths in subsets.items() for path in paths}


@pytest.mark.parametrize("count", [12, 13, 20, 600])
@pytest.mark.parametrize("seed", [0, 1, 2, 3])
def test_every_picture_is_in_one_subset_and_none_is_empty(count, seed):
    subsets = split(dataset(count), seed=seed)
    assert tuple(subsets) == SUBSETS
    assert all(paths == sorted(paths) and paths for paths in subsets.values())
    assert sorted(places(subsets)) == [image.path for image in dataset(count)]
    assert sum(map(len, subsets.values())) == count


def test_shares_are_met_about():
    sizes = {name: len(paths) for name, paths in split(dataset(4000)).items()}
    for name, share in SHARES.items():
        assert sizes[name] / 4000 == pytest.approx(share, abs=0.02)


def test_pictures_that_are_added_move_no_old_one():
    old = places(split(dataset(300)))
    for prefix in ("0", "z"):  # sorted before and behind the old ones
        more = Dataset(("person",), dataset(300).images + dataset(100, prefix=prefix).images)
        new = places(split(more))
        assert {path: new[path] for path in old} == old
        assert len(new) == 400


def test_frames_that_are_added_to_a_video_move_no_old_one():
    def videos(frames):
        images = (
            Image(f"v/{f:02d}_{v:02d}.jpg", (9, 9), (PERSON,), group=f"v/{v}")
            for v in range(40)
            for f in frames
        )
        return Dataset(("person",), tuple(images))

    def place(data):
        by_video = {}
        for i, image in enumerate(data):
            by_video.setdefault(image.group, []).append(i)
        return places(split(data, list(by_video.values())))

    old, new = place(videos(range(5, 8))), place(videos(range(10)))
    assert {path: new[path] for path in old} == old
    assert len({new[f"v/{f:02d}_07.jpg"] for f in range(10)}) == 1


def test_another_salt_is_another_split_and_zero_is_none():
    data = dataset(100)
    plain = split(data)
    groups = [[i] for i in range(100)]
    salted = [assign(data, groups, contents(data), SHARES, 0, True, salt) for salt in (0, 1)]
    assert salted[0] == plain
    assert salted[1] != plain


def test_leaks_name_their_pairs_and_the_remedy():
    data = dataset(30, subset=lambda n: SUBSETS[n % 3])
    groups = [[0, 3], [1, 5, 4]] + [[i] for i in range(6, 30)] + [[2]]
    subset_of = places(split(data, groups))
    found = leaks(data, groups, subset_of)
    assert found == [["a/0001.jpg", "a/0004.jpg", "a/0005.jpg"]]
    refuse_leaks([], subset_of)
    with pytest.raises(DatasetError) as error:
        refuse_leaks(found, subset_of)
    assert "a/0001.jpg (val) and a/0005.jpg (test)" in str(error.value)
    assert "split.official: false" in str(error.value)
    assert "split.leakage: allow" in str(error.value)


def test_every_image_has_a_group_by_name_of_its_first():
    data = dataset(4)
    assert list(group_rows(data, [[3, 1], [0], [2]])) == [
        ("a/0000.jpg", "a/0000.jpg"),
        ("a/0001.jpg", "a/0001.jpg"),
        ("a/0002.jpg", "a/0002.jpg"),
        ("a/0003.jpg", "a/0001.jpg"),
    ]


def test_another_seed_is_another_split_and_the_same_is_the_same():
    assert split(dataset(100)) == split(dataset(100))
    assert split(dataset(100)) != split(dataset(100), seed=1)


def test_order_of_pictures_and_groups_does_not_matter():
    data = dataset(60)
    turned = Dataset(data.classes, data.images[::-1])
    groups = [[i, i + 1] for i in range(0, 60, 2)]
    assert split(data, groups) == split(turned, groups[::-1])


@given(st.lists(st.integers(0, 30), min_size=40, max_size=60))
def test_groups_stay_together(numbers):
    groups = {}
    for i, number in enumerate(numbers):
        groups.setdefault(number, []).append(i)
    data = dataset(len(numbers))
    try:
        where = places(split(data, list(groups.values())))
    except DatasetError:
        assert len(groups) < 3
        return
    for group in groups.values():
        assert len({where[data.images[i].path] for i in group}) == 1


def test_official_lists_win():
    data = dataset(30, subset=lambda n: SUBSETS[n % 3])
    where = places(split(data, groups=[list(range(30))]))
    assert [where[image.path] for image in data] == [SUBSETS[n % 3] for n in range(30)]
    assert places(split(data, official=False)) != where


def test_pictures_of_no_list_follow_their_near_duplicates():
    data = dataset(30, subset=lambda n: {0: "train", 1: "test"}.get(n, ""))
    groups = [[0, 1, 2], [3, 0 + 4]] + [[i] for i in range(5, 30)]
    assert places(split(data, groups))["a/0002.jpg"] == "test"


def test_trainval_never_gets_into_test():
    data = dataset(300, subset=lambda n: "test" if n < 20 else "trainval")
    sizes = {name: len(paths) for name, paths in split(data).items()}
    assert sizes["test"] == 20
    assert sizes["train"] / 280 == pytest.approx(0.7 / 0.85, abs=0.06)


def test_a_list_of_another_name_is_an_error():
    with pytest.raises(DatasetError, match=r"a/0000\.jpg.*'holdout'.*split\.official"):
        split(dataset(30, subset=lambda n: "holdout"))


def test_lists_that_leave_a_subset_empty_are_an_error():
    with pytest.raises(DatasetError, match=r"no pictures for test .*split\.official"):
        split(dataset(30, subset=lambda n: SUBSETS[n % 2]))


def test_too_few_pictures_are_an_error():
    with pytest.raises(DatasetError, match="no pictures for"):
        split(dataset(2))
    with pytest.raises(DatasetError, match="in 1 groups"):
        split(dataset(9), groups=[list(range(9))])


@pytest.mark.parametrize("seed", range(8))
def test_pictures_of_a_rare_class_that_are_added_move_no_old_one(seed):
    rare = dataset(400, boxes=lambda n: (PERSON, BICYCLE) if n % 97 == 0 else (PERSON,))
    old = places(split(Dataset(rare.classes, rare.images[:300]), seed=seed))
    assert old.items() <= places(split(rare, seed=seed)).items()


def test_digest_is_of_membership_content_and_annotation():
    data = dataset(3)
    hashes = dict(zip((i.path for i in data), contents(data), strict=True))
    whole = digest(data.images, hashes)
    assert digest(data.images[::-1], hashes) == whole
    assert digest(data.images[1:], hashes) != whole
    assert digest(data.images, {**hashes, "a/0001.jpg": "0"}) != whole
    other = Image("a/0001.jpg", (9, 9), (BICYCLE,))
    assert digest([data.images[0], other, data.images[2]], hashes) != whole
