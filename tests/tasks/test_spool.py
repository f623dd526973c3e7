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
