from pathlib import Path

from tasks.convert import calibration


def test_calibration_pictures_depend_on_the_seed_alone(tmp_path: Path) -> None:
    names = [f"{k:03}.jpg" for k in range(100)]
    (tmp_path / "a.txt").write_text("\n".join(names) + "\n")
    (tmp_path / "b.txt").write_text("\n".join(reversed(names)) + "\n")
    chosen = calibration(tmp_path / "a.txt", 10, seed=0)
    assert len(set(chosen)) == 10
    assert chosen == sorted(chosen)
    assert chosen == calibration(tmp_path / "b.txt", 10, seed=0)
    assert chosen != calibration(tmp_path / "a.txt", 10, seed=1)


def test_a_small_subset_is_taken_whole(tmp_path: Path) -> None:
    (tmp_path / "train.txt").write_text("b.jpg\na.jpg\n")
    assert calibration(tmp_path / "train.txt", 10, seed=0) == ["a.jpg", "b.jpg"]
