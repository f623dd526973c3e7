"""A large annotation file with one broken record: the error says where it is."""

import json

import pytest

from pocketdet.errors import DatasetError
from pocketdet.formats import coco

RECORDS = 40_000


@pytest.mark.parametrize("name", ["a", "Ä"])
def test_the_error_names_byte_line_and_surroundings(tmp_path, picture, name):
    picture(f"images/{name}.jpg")
    row = {"image_id": 1, "category_id": 1, "bbox": [1, 2, 3, 4], "note": name}
    rows = [json.dumps({"id": n, **row}, ensure_ascii=False) for n in range(RECORDS)]
    rows[31_234] = rows[31_234].replace('"bbox": [1, 2', '"bbox": [1 2')
    images = json.dumps([{"id": 1, "file_name": f"{name}.jpg"}], ensure_ascii=False)
    head = f'{{"images": {images}, "categories": [{{"id": 1, "name": "x"}}],\n"annotations": [\n'
    data = (head + ",\n".join(rows) + "]}").encode()
    (tmp_path / "annotations.json").write_bytes(data)
    byte = data.index(b'"bbox": [1 2') + len('"bbox": [1 ')
    with pytest.raises(DatasetError) as caught:
        coco.read(tmp_path)
    assert f"byte {byte}, line {31_234 + 3} column " in str(caught.value)
    assert '"id": 31234' in str(caught.value)
    assert len(str(caught.value)) < 400


def test_a_record_that_is_json_and_no_box_is_named(tmp_path, picture):
    picture("images/a.jpg")
    rows = [{"id": n, "image_id": 1, "category_id": 1, "bbox": [1, 2, 3, 4]} for n in range(900)]
    rows[777]["bbox"] = {"x": 1}
    raw = {
        "images": [{"id": 1, "file_name": "a.jpg"}],
        "categories": [{"id": 1, "name": "x"}],
        "annotations": rows,
    }
    (tmp_path / "annotations.json").write_text(json.dumps(raw))
    (drop,) = coco.read(tmp_path).drops
    assert (drop.record, drop.reason) == ("annotation 777 of image 1", "malformed row")
