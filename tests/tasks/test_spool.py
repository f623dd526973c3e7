import pytest

from tasks import spool, tracking


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (b'{"kind": "training"', "Invalid JSON"),
        (b"\xff", "Invalid JSON"),
        (b"[]", "broken record"),
        (b"{}", "kind: Field required"),
    ],
)
def test_a_broken_record_is_named_with_the_remedy(tmp_path, monkeypatch, text, says):
    monkeypatch.setenv("POCKETDET_STATE", str(tmp_path))
    whole = spool.Record("training", "a" * 64, 1, {}, {}, {}, {"AP": 0.5}).save()
    assert spool.waiting() == [whole]
    path = whole.folder / "record.json"
    path.write_bytes(text)
    with pytest.raises(spool.SpoolError) as error:
        tracking.sync()
    for words in (str(path), says, f"move the folder {whole.folder} out"):
        assert words in str(error.value)


@pytest.mark.parametrize("file", ["epochs.jsonl", "end.json"])
@pytest.mark.parametrize("text", [b"{}\n", b'{"weights": 3}\n', b"[\n"])
def test_what_a_training_noted_is_checked_too(tmp_path, monkeypatch, file, text):
    monkeypatch.setenv("POCKETDET_STATE", str(tmp_path))
    record = spool.Record("training", "a" * 64, 1, {}, {}, {}).save()
    assert record.add_epoch(1, {"loss": float("nan")})
    record.end("ab")
    assert [epoch for epoch, _, _ in record.epochs()] == [1]
    assert record.ended()[0] == "ab"
    (record.folder / file).write_bytes(text)
    with pytest.raises(spool.SpoolError, match=rf"{file}: broken record .* move the folder"):
        (list(record.epochs()), record.ended())


def test_a_broken_note_of_a_run_is_named(tmp_path):
    file, link = tmp_path / "a.zip", tmp_path / ".pocketdet/runs/1.json"
    file.touch()
    link.parent.mkdir(parents=True)
    link.write_text('{"uri": 3}')
    with pytest.raises(spool.SpoolError, match=r"1\.json: broken record .* delete it"):
        spool.run_of(file, tmp_path)
