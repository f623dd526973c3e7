import contextlib
import shutil
import stat
import zipfile
from pathlib import Path

import pytest

from pocketdet.delivery import bundle
from pocketdet.errors import BundleError

FILES = {
    "arch.json": bundle.dump({"net": {"classes": ["person", "Fähre"]}}),
    "contract.json": b"{}",
    "params.json": bundle.dump({"model": "int8.tflite"}),
    "stats.json": bundle.dump({}),
    "labels.txt": b"person\n",
    "int8.tflite": bytes(range(256)) * 40,
    "detector.mlpackage/Manifest.json": b"{}",
    "detector.mlpackage/Data/weights.bin": b"\0" * 999,
}


@pytest.fixture
def written(tmp_path: Path) -> tuple[Path, Path]:
    return bundle.write(tmp_path, "street", FILES)


def flip(path: Path, position: int, mask: int = 0xFF) -> None:
    content = bytearray(path.read_bytes())
    content[position] ^= mask
    path.write_bytes(bytes(content))


def repacked(target: Path, entries: dict[str, bytes], mode: int = stat.S_IFREG | 0o644) -> Path:
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as zipped:
        for name, content in entries.items():
            entry = zipfile.ZipInfo(name)
            entry.external_attr = mode << 16
            entry.compress_type = zipfile.ZIP_DEFLATED
            zipped.writestr(entry, content)
    return target


def test_folder_and_zip_open_to_what_was_written(written, tmp_path) -> None:
    for path in written:
        opened = bundle.open(path)
        assert opened.files == FILES
        assert opened.name == "street"
        assert opened.json("arch.json")["net"]["classes"] == ["person", "Fähre"]
        target = tmp_path / path.suffix
        target.mkdir(exist_ok=True)
        opened.unpack(target)
        assert (target / "detector.mlpackage/Data/weights.bin").read_bytes() == b"\0" * 999


def test_same_files_give_the_same_bytes_in_any_order(written, tmp_path) -> None:
    (tmp_path / "again").mkdir()
    folder, archive = bundle.write(
        tmp_path / "again", "street", dict(sorted(FILES.items(), reverse=True))
    )
    assert archive.read_bytes() == written[1].read_bytes()
    names = sorted(p.relative_to(folder).as_posix() for p in folder.rglob("*") if p.is_file())
    assert names == sorted([*FILES, "manifest.json"])
    for name in names:
        assert (folder / name).read_bytes() == (written[0] / name).read_bytes()


@pytest.mark.parametrize("name", [*FILES, "manifest.json"])
@pytest.mark.parametrize("mask", [0xFF, 0x01, 0x20])
def test_one_flipped_byte_anywhere_is_found_and_named(written, name, mask) -> None:
    path = written[0] / name
    original = path.read_bytes()
    for position in {0, len(original) // 2, len(original) - 1}:
        flip(path, position, mask)
        with pytest.raises(BundleError, match=f"{name} was altered"):
            bundle.open(written[0])
        path.write_bytes(original)
    bundle.open(written[0])


def test_every_byte_of_the_manifest_is_guarded(written) -> None:
    path = written[0] / "manifest.json"
    original = path.read_bytes()
    for position in range(0, len(original), 7):
        flip(path, position, 0x01)
        with pytest.raises(BundleError, match=r"manifest\.json was altered"):
            bundle.open(written[0])
        path.write_bytes(original)


def test_flipped_content_of_a_zip_is_found_and_named(written) -> None:
    archive = written[1]
    flip(archive, archive.read_bytes().index(FILES["int8.tflite"]) + 5000)
    with pytest.raises(BundleError, match=r"int8\.tflite was altered"):
        bundle.open(archive)


def test_cut_zip_and_other_files_are_refused(written, tmp_path) -> None:
    cut = tmp_path / "cut.zip"
    cut.write_bytes(written[1].read_bytes()[:-100])
    with pytest.raises(BundleError, match="not a whole zip"):
        bundle.open(cut)
    with pytest.raises(BundleError, match="not found"):
        bundle.open(tmp_path / "nowhere")
    (tmp_path / "empty").mkdir()
    with pytest.raises(BundleError, match=r"manifest\.json is missing"):
        bundle.open(tmp_path / "empty")


def test_flipped_bits_at_a_zips_end_change_no_content_unseen(written) -> None:
    folder, archive = written
    whole = archive.read_bytes()
    for place in range(1, 23):  # the record that says where the directory is
        flipped = bytearray(whole)
        flipped[-place] ^= 64
        archive.write_bytes(flipped)
        with contextlib.suppress(BundleError):  # the length of a comment may change
            assert bundle.open(archive).files == bundle.open(folder).files


@pytest.mark.parametrize("params", [[], {}, {"model": "../x"}])
def test_parameters_that_name_no_model_are_refused(params) -> None:
    opened = bundle.Bundle("x", {"params.json": bundle.dump(params)})
    with pytest.raises(BundleError, match="which is no model of it"):
        opened.model({"int8.tflite"})


def test_missing_and_additional_files_are_named(written) -> None:
    folder = written[0]
    (folder / "labels.txt").unlink()
    with pytest.raises(BundleError, match=r"labels\.txt is missing"):
        bundle.open(folder)
    (folder / "labels.txt").write_bytes(FILES["labels.txt"])
    (folder / "more.txt").write_text("hello")
    with pytest.raises(BundleError, match=r"more\.txt is not in manifest"):
        bundle.open(folder)


def test_link_in_a_folder_is_refused(written, tmp_path) -> None:
    (tmp_path / "labels.txt").write_bytes(FILES["labels.txt"])
    (written[0] / "labels.txt").unlink()
    (written[0] / "labels.txt").symlink_to(tmp_path / "labels.txt")
    with pytest.raises(BundleError, match=r"labels\.txt is a link"):
        bundle.open(written[0])


def test_zip_packed_again_by_another_program_still_opens(written, tmp_path) -> None:
    with zipfile.ZipFile(written[1]) as zipped:
        entries = {entry.filename: zipped.read(entry) for entry in zipped.infolist()}
    assert bundle.open(repacked(tmp_path / "again.zip", entries)).files == FILES


@pytest.mark.parametrize(
    "name",
    [
        "../evil.txt",
        "street/../../evil.txt",
        "/evil.txt",
        "street\\..\\evil",
        "c:/evil",
        "street//a",
    ],
)
def test_names_that_leave_the_folder_are_refused(tmp_path, name) -> None:
    with pytest.raises(BundleError, match="no plain file inside"):
        bundle.open(repacked(tmp_path / "slip.zip", {name: b"x"}))


def test_link_in_a_zip_is_refused(tmp_path) -> None:
    archive = repacked(tmp_path / "l.zip", {"street/labels.txt": b"/etc/passwd"}, stat.S_IFLNK)
    with pytest.raises(BundleError, match="no plain file inside"):
        bundle.open(archive)


def test_two_files_of_one_name_are_refused(tmp_path) -> None:
    archive = tmp_path / "two.zip"
    with zipfile.ZipFile(archive, "w") as zipped:
        zipped.writestr("street/a", b"1")
        zipped.writestr("other/a", b"2")
    with pytest.raises(BundleError, match="twice"):
        bundle.open(archive)


def test_bomb_is_refused_before_it_is_unpacked(tmp_path, monkeypatch) -> None:
    monkeypatch.setattr(bundle, "MAX_BYTES", 1_000_000)
    bomb = repacked(tmp_path / "bomb.zip", {"street/a": b"\0" * 2_000_000})
    assert bomb.stat().st_size < 10_000
    with pytest.raises(BundleError, match="more than a bundle can hold"):
        bundle.open(bomb)


def test_bundle_without_its_parameters_is_refused(tmp_path) -> None:
    files = {name: content for name, content in FILES.items() if name != "params.json"}
    folder, _ = bundle.write(tmp_path, "street", files)
    with pytest.raises(BundleError, match=r"params\.json is missing from the bundle"):
        bundle.open(shutil.move(folder, tmp_path / "moved"))
