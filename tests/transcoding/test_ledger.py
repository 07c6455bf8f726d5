"""The ledger of a destination, and the journals that fill it."""

from __future__ import annotations

import hashlib
import json
import shutil
import sqlite3
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import radkit
from radkit.dicom.write import OWN_FOLDER
from radkit.errors import TransferError
from radkit.testing import sample
from radkit.transcoding import book as books
from radkit.transcoding import worker
from radkit.transcoding.book import LEDGER, LOCK, Book
from radkit.transcoding.journal import JOURNALS, Journal, left_over
from radkit.transcoding.ledger import Ledger, read_ledger
from radkit.transcoding.options import Options
from radkit.transcoding.records import Record, parsed
from radkit.transcoding.stores import Store
from radkit.transcoding.worker import Job

fsspec = pytest.importorskip("fsspec")
NAMES = ("ct", "mr", "us_rgb")


@pytest.fixture
def study(tmp_path: Path) -> Path:
    folder = tmp_path / "study"
    folder.mkdir()
    for name in NAMES:
        shutil.copy(sample(name), folder / f"{name}.dcm")
    (folder / "broken.dcm").write_bytes(bytes(128) + b"DICM" + bytes(40))
    (folder / "notes.txt").write_text("no DICOM")
    return folder


@pytest.fixture
def memory() -> Iterator[Any]:
    fs = fsspec.filesystem("memory")
    fs.store.clear()
    fs.pseudo_dirs[:] = [""]
    yield fs
    fs.store.clear()


def a_record(place: str = "a.dcm", **more: Any) -> Record:
    known = {"source": "/in/a.dcm", "stamp": "1:2", "job": "j", "state": "done"}
    return Record(place=place, **{**known, **more})


def rows(out: Path) -> dict[str, Record]:
    return {record.place: record for record in read_ledger(out / LEDGER)}


def test_what_the_ledger_holds(study: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    report = radkit.transcode_many(study, out)
    found = rows(out)
    assert sorted(found) == ["broken.dcm", "ct.dcm", "mr.dcm", "notes.txt", "us_rgb.dcm"]
    for source, result in report:
        record = found[Path(source).name]
        assert record.source == str(source) and record.at <= time.time()
        if isinstance(result, radkit.RadkitError):
            assert (record.state, record.error) == ("failed", type(result).__name__)
            assert record.message == str(result)
            continue
        assert record.state == "done" and record.bytes_out == result.bytes_out
        data = (out / record.place).read_bytes()
        assert record.sha256 == hashlib.sha256(data).hexdigest()
        assert record.result["sha256"] == result.sha256 and record.seconds > 0
    assert found["notes.txt"].state == "skipped"
    with sqlite3.connect(out / LEDGER) as base:  # as the docs show
        assert base.execute("SELECT count(*) FROM objects WHERE state = 'failed'").fetchone() == (
            1,
        )
        ((began, ended, syntax),) = base.execute("SELECT began, ended, syntax FROM runs")
    assert began <= ended and syntax == "1.2.840.10008.1.2.4.202"


def test_skipped_files_are_not_read_again(study: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    first = radkit.transcode_many(study, out)
    again = radkit.transcode_many(study, out)
    assert again.skipped == first.skipped and again.resumed == 3
    (study / "notes.txt").write_bytes(sample("mr").read_bytes())
    assert radkit.transcode_many(study, out).transcoded == 4


@pytest.mark.parametrize("damage", ["text", "torn", "foreign", "empty"])
def test_damaged_ledgers_are_put_aside_not_deleted(
    study: Path, tmp_path: Path, damage: str
) -> None:
    out = tmp_path / "out"
    radkit.transcode_many(study, out)
    path = out / LEDGER
    whole = path.read_bytes()
    if damage == "foreign":
        path.unlink()
        with sqlite3.connect(path) as base:
            base.execute("CREATE TABLE objects (place TEXT PRIMARY KEY)")
    else:
        path.write_bytes({"text": b"no ledger" * 500, "torn": whole[:4096], "empty": b""}[damage])
    again = radkit.transcode_many(study, out)
    assert again.transcoded == 3 and again.resumed == 0
    assert radkit.transcode_many(study, out).resumed == 3
    kept = [one for one in path.parent.iterdir() if ".damaged-" in one.name]
    assert len(kept) == (damage != "empty")


def test_row_that_makes_no_sense_is_done_again(study: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    radkit.transcode_many(study, out)
    with sqlite3.connect(out / LEDGER) as base:
        base.execute("UPDATE objects SET result = '[' WHERE place = 'ct.dcm'")
        base.execute(
            "UPDATE objects SET result = '{\"syntax\": \"nosuch\"}' WHERE place = 'mr.dcm'"
        )
    assert radkit.transcode_many(study, out).resumed == 1
    assert radkit.transcode_many(study, out).resumed == 3


def test_later_runs_may_find_a_read_only_ledger_told(study: Path, tmp_path: Path) -> None:
    with pytest.raises(TransferError, match="no ledger"):
        list(read_ledger(tmp_path / "nowhere"))
    (tmp_path / "x").write_bytes(b"no ledger" * 500)
    with pytest.raises(TransferError, match="ledger failed"):
        list(read_ledger(tmp_path / "x"))


texts = st.text(max_size=20)


@given(st.builds(a_record, texts, source=texts, message=texts, bytes_in=st.integers(0, 1 << 50)))
def test_records_survive_their_line(record: Record) -> None:
    assert list(parsed(record.line())) == [record]
    assert list(parsed(record.line()[:-2] + b"\n" + record.line())) == [record]


@given(
    st.binary(max_size=200)
    | st.recursive(st.none() | texts, st.lists).map(
        lambda value: json.dumps({"v": 2, "place": value}).encode()
    )
)
def test_what_is_no_record_is_left_out(line: bytes) -> None:
    assert list(parsed(line)) == []


@pytest.mark.parametrize("field", ["place", "state", "bytes_in", "seconds", "at", "result", "more"])
@pytest.mark.parametrize("value", [None, [], -1, 1 << 70, float("nan"), "nosuch"])
def test_wrong_fields_are_no_record(field: str, value: Any) -> None:
    entry = json.loads(a_record().line())
    if field == "place" and isinstance(value, str):
        return  # any text is a place
    entry[field] = value
    found = list(parsed(json.dumps(entry).encode()))
    assert not found or (field in ("seconds", "at") and isinstance(value, int))


def test_ledger_keeps_the_latest_row_of_a_place(tmp_path: Path) -> None:
    with Ledger(tmp_path / "l") as ledger:
        ledger.add([a_record(), a_record("b"), replace(a_record(), bytes_out=7)])
        ledger.add([])
        found = ledger.find("a.dcm")
        assert found is not None and found.bytes_out == 7 and ledger.find("c") is None
        ledger.copy_to(tmp_path / "copy")
    assert [record.place for record in read_ledger(tmp_path / "copy")] == ["a.dcm", "b"]


@pytest.mark.parametrize("kind", ["folder", "store"])
def test_what_a_dead_worker_has_written_is_known_to_the_next_run(
    kind: str, memory: Any, tmp_path: Path
) -> None:
    to: Any = tmp_path if kind == "folder" else Store.of("memory://out")
    with Book(to, "j", syntax="x", resume=True, by_workers=True) as book:
        journal = Journal(to, f"{book.run}-1")
        journal.add(a_record())
        journal.flush()
        again = Journal(to, f"{book.run}-1")  # the worker died, another one begins its batch
        assert list(again.earlier) == ["a.dcm"]
        assert book.ledger.find("a.dcm") is None
    assert list(left_over(to)) == []
    with Book(to, "j", syntax="x", resume=True, by_workers=True) as book:
        assert book.ledger.find("a.dcm") == again.earlier["a.dcm"]
    assert list(left_over(to)) == []


def test_torn_line_of_a_journal_costs_its_object_only(tmp_path: Path) -> None:
    journal = Journal(tmp_path, "x")
    journal.add(a_record("a"))
    path = tmp_path / JOURNALS / "x.jsonl"
    path.write_bytes(path.read_bytes() + a_record("b").line()[:-20])
    Journal(tmp_path, "x").add(a_record("c"))
    assert list(Journal(tmp_path, "x").earlier) == ["a", "c"]


def test_killed_client_of_a_store_loses_nothing_that_is_in_its_journal(memory: Any) -> None:
    store = Store.of("memory://out")
    book = Book(store, "j", syntax="x", resume=True, by_workers=False)
    book.__enter__()
    book.add([a_record("a")])
    assert book._journal is not None
    book._journal.flush()
    gone = book._stack.pop_all()  # nothing is put back, the lock stays
    lease = json.loads(store.get(LOCK) or b"")
    store.put(LOCK, json.dumps({**lease, "holder": "elsewhere:1"}).encode())
    with pytest.raises(TransferError, match="another run") as caught:
        Book(store, "j", syntax="x", resume=True, by_workers=False).__enter__()
    assert caught.value.retryable
    old = time.time() - books.LEASE_S - 1
    store.put(LOCK, json.dumps({**lease, "holder": "elsewhere:1", "at": old}).encode())
    with Book(store, "j", syntax="x", resume=True, by_workers=False) as again:
        assert again.ledger.find("a") is not None
    assert not store.exists(LOCK)
    gone.close()


@pytest.mark.parametrize("lock", [b"", b"[", b"[]", b'{"at": "x"}', b'{"at": 1e999, "run": 3}'])
def test_locks_that_are_none(lock: bytes, memory: Any) -> None:
    store = Store.of("memory://out")
    store.put(LOCK, lock)
    with Book(store, "j", syntax="x", resume=True, by_workers=False):
        assert json.loads(store.get(LOCK) or b"")["at"] <= time.time()


def test_lock_of_a_process_that_is_gone_counts_no_more(memory: Any) -> None:
    store = Store.of("memory://out")
    host = books.this_worker().rpartition(":")[0]
    for holder, dead in ((f"{host}:999999999", True), (books.this_worker(), False)):
        store.put(LOCK, json.dumps({"run": "x", "holder": holder, "at": time.time()}).encode())
        book = Book(store, "j", syntax="x", resume=True, by_workers=False)
        if dead:
            with book:
                pass
        else:
            with pytest.raises(TransferError, match="another run"), book:
                pass


def test_lease_is_renewed(memory: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(books, "LEASE_S", 0.2)
    store = Store.of("memory://out")
    with Book(store, "j", syntax="x", resume=True, by_workers=False):
        first = json.loads(store.get(LOCK) or b"")["at"]
        for _ in range(100):
            time.sleep(0.02)
            if json.loads(store.get(LOCK) or b"")["at"] > first:
                break
        else:
            pytest.fail("the lock grew old")


@pytest.mark.parametrize("kind", ["etag", "md5Hash", "encrypted"])
def test_changed_results_of_a_store_are_told_by_their_md5(
    kind: str, study: Path, memory: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    import base64

    def tag(data: bytes) -> dict[str, str]:
        md5 = hashlib.md5(data)
        if kind == "md5Hash":
            return {"md5Hash": base64.b64encode(md5.digest()).decode()}
        if kind == "encrypted":  # the ETag is a hash of something else
            return {"ETag": f'"{hashlib.md5(data + b"key").hexdigest()}"'}
        return {"ETag": f'"{md5.hexdigest()}"'}

    real = type(memory).find

    def listing(self: Any, path: str, **more: Any) -> Any:
        found = real(self, path, **more)
        return {name: {**info, **tag(self.cat_file(name))} for name, info in found.items()}

    monkeypatch.setattr(type(memory), "find", listing)
    radkit.transcode_many(study, "memory://out")
    assert radkit.transcode_many(study, "memory://out").resumed == 3
    data = memory.cat_file("/out/ct.dcm")
    memory.pipe_file("/out/ct.dcm", data[:-1] + bytes([data[-1] ^ 1]))
    again = radkit.transcode_many(study, "memory://out")
    assert again.resumed == (3 if kind == "encrypted" else 2)
    assert (memory.cat_file("/out/ct.dcm") == data) == (kind != "encrypted")


@pytest.mark.parametrize("kind", ["folder", "store"])
def test_batch_that_is_begun_again_leaves_out_what_is_done(
    kind: str, study: Path, memory: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    to: Any = tmp_path / "out" if kind == "folder" else Store.of("memory://out")
    if kind == "folder":
        (to / OWN_FOLDER).mkdir(parents=True)
        (to / OWN_FOLDER / "run-r").touch()
        to = to.resolve()
    jobs = [
        Job(
            source=study / f"{name}.dcm",
            name=name,
            to=to,
            place=f"{name}.dcm",
            found=False,
            options=Options(syntax="rle"),
            digest="d",
            on_error="raise",
            limits=radkit.limits.DEFAULT,
        )
        for name in NAMES
    ]
    done: list[str] = []
    usual = worker.do

    def counted(job: Job) -> worker.Answer:
        done.append(job.name)
        return usual(job)

    monkeypatch.setattr(worker, "do", counted)
    first = worker.do_batch(jobs[:2], "batch", "r")  # then its worker dies
    again = worker.do_batch(jobs, "batch", "r")
    assert done == list(NAMES)
    assert [answer.record for answer in again[:2]] == [answer.record for answer in first]
    assert [a.result.sha256 for a in again[:2]] == [a.result.sha256 for a in first]  # type: ignore[union-attr]
    # A source that has changed meanwhile is done again.
    shutil.copy(sample("mr_implicit"), study / "ct.dcm")
    worker.do_batch(jobs, "batch", "r")
    assert done == [*NAMES, "ct"]
