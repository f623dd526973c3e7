import os
import socket
import subprocess
import sys
import time

import pytest
from conftest import REPOSITORY
from servers import free_port

from pocketdet.analysis import mongo
from pocketdet.errors import BrowseError


@pytest.fixture
def nothing(monkeypatch, tmp_path):
    """A project without any MongoDB."""
    monkeypatch.delenv(mongo.VARIABLE, raising=False)
    monkeypatch.setattr(mongo, "_bundled", lambda: None)
    return tmp_path


def test_without_a_server_the_message_says_what_to_do(nothing):
    with pytest.raises(BrowseError, match=r"FiftyOne: not run: .*make mongo.*FIFTYONE"):
        mongo.find(nothing)


@pytest.mark.parametrize(
    "uri", ["mongodb://127.0.0.1:{}", "mongodb://a:b@localhost:{}/?retryWrites=true"]
)
def test_a_server_that_does_not_answer_is_named(nothing, monkeypatch, uri):
    port = free_port()
    monkeypatch.setenv(mongo.VARIABLE, uri.format(port))
    with pytest.raises(BrowseError, match=rf"no MongoDB answers at \w[\w.]*:{port}"):
        mongo.find(nothing)


def test_what_answers_and_is_no_mongodb_is_none(nothing, monkeypatch):
    with socket.socket() as server:  # takes connections, as some proxies do for any address
        server.bind(("127.0.0.1", 0))
        server.listen()
        monkeypatch.setenv(mongo.VARIABLE, f"mongodb://127.0.0.1:{server.getsockname()[1]}")
        with pytest.raises(BrowseError, match="no MongoDB answers"):
            mongo.find(nothing)


def timed(*arguments):
    start = time.perf_counter()
    done = subprocess.run(
        [sys.executable, "-m", "pocketdet", *arguments],
        cwd=REPOSITORY, capture_output=True, text=True, check=False,
    )  # fmt: skip
    return done, time.perf_counter() - start


def test_explore_says_within_two_seconds_that_what_answers_is_no_mongodb(monkeypatch):
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        server.listen()
        monkeypatch.setenv(mongo.VARIABLE, f"mongodb://127.0.0.1:{server.getsockname()[1]}")
        for _ in range(3):
            done, took = timed("explore")
            assert done.returncode == 1
            assert "FiftyOne: not run: no MongoDB answers at 127.0.0.1" in done.stderr
            # On a busy machine the start of Python alone may take as long.
            if took <= max(2, 2 * timed("explore", "--help")[1]):
                return
    pytest.fail(f"{took:.1f} s")


def test_an_address_that_is_none_is_an_error(nothing, monkeypatch):
    monkeypatch.setenv(mongo.VARIABLE, "localhost:27017")
    with pytest.raises(BrowseError, match="FiftyOne: not run: no MongoDB answers at localhost"):
        mongo.find(nothing)


def test_the_user_s_own_server_wins_over_the_project_s(nothing, monkeypatch):
    asked = []
    monkeypatch.setattr(mongo, "refuse_unreachable", asked.append)
    note = nothing / mongo.FOLDER / "uri"
    note.parent.mkdir(parents=True)
    note.write_text("mongodb://project\n")
    assert mongo.find(nothing) == "mongodb://project"
    monkeypatch.setenv(mongo.VARIABLE, "mongodb://user")
    assert mongo.find(nothing) == "mongodb://user"
    assert asked == ["mongodb://project", "mongodb://user"]


def test_a_program_that_does_not_start_is_an_error_with_its_log(monkeypatch, tmp_path):
    program = tmp_path / "mongod"
    program.write_text("#!/bin/sh\necho no such CPU\nexit 1\n")
    program.chmod(0o755)
    monkeypatch.setattr(mongo, "_bundled", lambda: program)
    with pytest.raises(BrowseError, match=r"does not start; see .*log\.txt: no such CPU"):
        mongo.start(tmp_path / "folder")
    assert not (tmp_path / "folder/uri").exists()


def test_stop_leaves_a_number_alone_that_is_another_program_s(tmp_path):
    (tmp_path / "pid").write_text(f"{os.getpid()}\n")
    mongo.stop(tmp_path)
    assert not (tmp_path / "pid").exists()
