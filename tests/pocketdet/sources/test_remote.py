import hashlib

import pytest

from pocketdet.errors import DatasetError
from pocketdet.sources.remote import download

CONTENT = bytes(range(256)) * 40
MD5 = hashlib.md5(CONTENT).hexdigest()


@pytest.fixture
def get(server, tmp_path):
    server.files["/file"] = CONTENT

    def run(md5=MD5, path="/file"):
        told = []
        download(server.url + path, tmp_path / "file", md5, lambda *numbers: told.append(numbers))
        return told

    return run


def test_the_size_is_told_before_the_transfer(get, tmp_path):
    assert get() == [(0, 10240), (10240, 10240)]
    assert (tmp_path / "file").read_bytes() == CONTENT
    assert get() == []  # it is there


def test_an_interrupted_transfer_goes_on_where_it_ended(get, server, tmp_path):
    server.left = 4000
    with pytest.raises(DatasetError, match=r"503 .*run the same command again"):
        get()
    assert (tmp_path / "file.partial").read_bytes() == CONTENT[:4000]
    assert not (tmp_path / "file").exists()
    server.left = None
    assert get()[0] == (4000, 10240)
    assert (tmp_path / "file").read_bytes() == CONTENT
    assert server.asked == [("/file", 4000), ("/file", 6240)]


def test_a_transfer_that_ended_without_its_check_is_only_checked(get, server, tmp_path):
    (tmp_path / "file.partial").write_bytes(CONTENT)
    assert get() == []
    assert server.asked == []
    assert (tmp_path / "file").read_bytes() == CONTENT


def test_a_file_of_another_content_is_refused_and_deleted(get, tmp_path):
    with pytest.raises(DatasetError, match=f"md5 is {MD5}, expected 0000"):
        get(md5="0" * 32)
    assert not list(tmp_path.iterdir())


def test_what_is_not_there(get, server):
    with pytest.raises(DatasetError, match=r"gone: 404"):
        get(path="/gone")
    server.http.shutdown()
    server.http.server_close()
    with pytest.raises(DatasetError, match=r"refused.*; run the same command again"):
        get()
