"""The n-th open, read, write, fsync, rename … fails, n = 1, 2, 3 … until the work succeeds.

Once it fails once, once all later ones fail too. Afterwards: `dest` is as before or complete,
the source untouched, the error typed and clear, no part left unless removing failed as well;
and the same work done again, on a disk that works, is complete.
"""

from __future__ import annotations

import contextlib
import errno
import itertools
import os
import shutil
import tempfile
import traceback
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from unittest import mock

import radkit
from radkit.errors import RadkitError
from radkit.testing.faults import OPERATIONS, failing
from reliability.objects import b, frames_object, native_object, study, tree
from reliability.told import Budget, Told, silent

__all__ = ["SCENES", "Scene", "run", "try_scene", "workplace"]

ERRORS: tuple[int | str, ...] = (errno.EIO, errno.ENOSPC, errno.EINTR, errno.EACCES, "short")
MOST_STEPS = 400
MEMORY = Path("/dev/shm")  # what is flushed there costs nothing
SECRETS = (b.PATIENT, b.PATIENT_ID)


@dataclass(frozen=True)
class Scene:
    """Some work on a folder: how it is set up, done, and what is right afterwards.

    `state` describes what counts of the folder; after a failed `act` it must be what it was
    before or what it is when all went well. With `resumes`, `act` is a run over many objects,
    each of which may be there or not, and the next run goes on.
    """

    prepare: Callable[[Path], None]
    act: Callable[[Path], Any]
    resumes: bool = False


def _put(name: str, make: Callable[[], bytes]) -> Callable[[Path], None]:
    return lambda folder: (folder / name).write_bytes(make()) and None


def _also(*steps: Callable[[Path], None]) -> Callable[[Path], None]:
    def all_of(folder: Path) -> None:
        for step in steps:
            step(folder)

    return all_of


def _one(make: Callable[[], bytes], **options: Any) -> Scene:
    """Transcode a file over one that is there."""
    return Scene(
        prepare=_also(_put("in.dcm", make), _put("out.dcm", lambda: b"what was there before")),
        act=lambda folder: radkit.transcode(folder / "in.dcm", folder / "out.dcm", **options),
    )


def _large(folder: Path) -> None:
    """Transcode as objects are that do not fit into memory: by files that are read back."""
    with (
        mock.patch("radkit.transcoding.dest._IN_MEMORY", 0),
        mock.patch("radkit.transcoding.one._SMALL_SOURCE", 0),
    ):
        radkit.transcode(folder / "in.dcm", folder / "out.dcm", "jpeg2000-lossless")


def _many(**options: Any) -> Scene:
    url = options.pop("url", "")

    def act(folder: Path) -> None:
        report = radkit.transcode_many(
            f"{url}{folder / 'in'}" if url else folder / "in",
            f"{url}{folder / 'out'}" if url else folder / "out",
            "rle",
            workers=1,
            **options,
        )
        for _, error in report.failed:
            raise error

    return Scene(prepare=_study, act=act, resumes=True)


def _study(folder: Path) -> None:
    (folder / "in").mkdir()
    study(folder / "in", 5)


def _splice(folder: Path) -> None:
    from radkit.dicom import plain
    from radkit.dicom.uids import syntax

    coded = [b.even(b.rle_frame(b.picture(20, 24, seed=k))) for k in range(1)]
    plain.splice_file(folder / "in.dcm", folder / "out.dcm", syntax("rle"), coded)


def _sidecar(folder: Path) -> None:
    from radkit.preview import sidecar

    sidecar(folder / "in.dcm", folder / "out.dcm")


def _pictures(folder: Path) -> None:
    from radkit.cli.preview import write_file

    write_file(folder / "out.dcm", b"a picture" * 100)


def _receive(folder: Path) -> None:
    from radkit.net.spool import Spool

    spool = Spool(folder / "spool", reserve_bytes=0)
    spool.receive("1.2.3", b"an object" * 300)


def _deliver(folder: Path) -> None:
    from radkit.net.spool import Spool

    spool = Spool(folder / "spool", reserve_bytes=0)
    for held in list(spool.held()):
        refused = held.urgent
        spool.note(held, "STORE@somewhere", {"refused": "A900"} if refused else {"status": 0})
        (spool.put_aside if refused else spool.release)(held)


def _spooled(folder: Path) -> None:
    from radkit.net.spool import Spool

    spool = Spool(folder / "spool", reserve_bytes=0)
    for number in range(2):
        spool.receive(f"1.2.{number}", b"object %d" % number * 100, urgent=number == 1)


def _coded() -> bytes:
    data = radkit.transcode(native_object(7), None, "htj2k-lossless-rpcl").data
    assert data is not None
    return data


SCENES: dict[str, Scene] = {
    "transcode short": _one(lambda: native_object(1), syntax="htj2k-lossless-rpcl"),
    "transcode frames": _one(lambda: frames_object(1), syntax="jpeg2000-lossless"),
    "transcode copied": _one(lambda: native_object(2, text=True), syntax="rle"),
    "transcode large": Scene(
        prepare=_also(_put("in.dcm", lambda: frames_object(2)), _put("out.dcm", lambda: b"old")),
        act=_large,
    ),
    "many copy": _many(on_error="copy"),
    "many skip": _many(on_error="skip"),
    "many raise": _many(on_error="raise"),
    "many to a file URL": _many(url="file://"),
    "splice": Scene(
        prepare=_also(_put("in.dcm", lambda: native_object(3)), _put("out.dcm", lambda: b"old")),
        act=_splice,
    ),
    "side-car": Scene(
        prepare=_also(_put("in.dcm", _coded), _put("out.dcm", lambda: b"old")), act=_sidecar
    ),
    "picture": Scene(prepare=_put("out.dcm", lambda: b"old"), act=_pictures),
    "spool receives": Scene(prepare=lambda folder: None, act=_receive, resumes=True),
    "spool delivers": Scene(prepare=_spooled, act=_deliver, resumes=True),
}


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    """Keep what is told beside errors out of the way."""
    with silent(), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


def _named(files: dict[str, bytes]) -> dict[str, bytes]:
    """Give the files of a spool names without the time of their coming."""

    def named(place: str, data: bytes) -> str:
        timed = place.startswith("spool/received/") and ".part" not in place
        return f"{place.rpartition('/')[0]}/{data[:9]!r}" if timed else place

    return {named(place, data): data for place, data in files.items()}


class Trial:
    """A scene on a folder of its own: what it starts from, and what it comes to."""

    def __init__(self, scene: Scene, folder: Path) -> None:
        self.scene = scene
        self._source, self._work = folder / "source", folder / "work"
        self._source.mkdir()
        scene.prepare(self._source)
        self.before = _named(tree(self._source))
        self.after: dict[str, bytes] = {}
        work = self.fresh()
        with quiet():
            scene.act(work)
        self.after = _named(tree(work))

    def fresh(self) -> Path:
        """Return the folder as it is before the work."""
        shutil.rmtree(self._work, ignore_errors=True)
        shutil.copytree(self._source, self._work)
        return self._work

    def attempt(self, **fault: Any) -> tuple[str, int]:
        """Do the work on a disk that fails; return what was wrong, and how often it failed."""
        work = self.fresh()
        wrong = ""
        with quiet(), failing(work, **fault) as faults:
            try:
                self.scene.act(work)
            except RadkitError as error:
                wrong = self._clear(error)
            except OSError as error:
                wrong = f"an OSError escapes{self._place(error)}"
            except Exception as error:
                wrong = f"{type(error).__name__} escapes{self._place(error)}: {error}"
        if faults.fired or not wrong:
            kind = fault["error"]
            removal = "remove" in fault["operations"] or "list" in fault["operations"]
            wrong = wrong or self._state(work, swept=removal or kind == "short")
            wrong = wrong or self._again(work)
        return wrong, faults.fired

    @staticmethod
    def _place(error: BaseException) -> str:
        """Name the last place of radkit that an error came through."""
        steps = traceback.extract_tb((error.__cause__ or error).__traceback__)
        inside = [step for step in steps if f"{os.sep}radkit{os.sep}" in step.filename]
        inside = [step for step in inside if f"{os.sep}testing{os.sep}" not in step.filename]
        return f" at {Path(inside[-1].filename).name}, {inside[-1].name}" if inside else ""

    def _clear(self, error: RadkitError) -> str:
        text = str(error)
        if not text or any(secret in text for secret in SECRETS) or str(self._work) in text:
            return f"an unclear message: {text!r}"
        return f"an internal error{self._place(error)}" if "fault inside" in text else ""

    def _state(self, work: Path, *, swept: bool) -> str:
        """Compare the folder with what may be there."""
        files = _named(tree(work))
        parts = [place for place in files if ".part" in place]
        if parts and not swept:
            return "a part is left"
        for place, data in files.items():
            if place in parts:
                continue
            if self.scene.resumes and place.startswith(("out/", "spool/")):
                source = self.before.get("in" + place[3:])
                known = (self.after.get(place), self.before.get(place), source)
                if data not in known and not place.endswith(".json"):
                    return f"{place} is neither old nor new"
            elif data not in (self.before.get(place), self.after.get(place)):
                return f"{place} is neither old nor new"
        lost = {p for p in self.before if p not in files and p in self.after}
        return f"{sorted(lost)} is lost" if lost else ""

    def _again(self, work: Path) -> str:
        """Do the work once more, on a disk that works."""
        with quiet():
            try:
                self.scene.act(work)
            except Exception as error:
                return f"the next start fails: {type(error).__name__}: {error}"
        files = _named(tree(work))
        parts = [place for place in files if ".part" in place]
        if parts and self.scene.resumes:
            return "the next start leaves a part"
        rest = {p: d for p, d in files.items() if p not in parts and not p.endswith(".json")}
        # What could not even be looked at was passed on as it is, and stays.
        rest = {p: d for p, d in rest.items() if p in self.after or d != files.get("in" + p[3:])}
        wanted = {p: d for p, d in self.after.items() if not p.endswith(".json")}
        differ = sorted(p for p in {*rest, *wanted} if rest.get(p) != wanted.get(p))
        return f"the next start gives another {differ[0]}" if differ else ""


def faults_of(operations: tuple[str, ...]) -> Iterator[dict[str, Any]]:
    """Yield the kinds of failures of some operations."""
    for error, persistent in itertools.product(ERRORS, (False, True)):
        yield {"operations": operations, "error": error, "persistent": persistent}


def try_scene(
    name: str, told: Told, budget: Budget, folder: Path, *, most: int = MOST_STEPS
) -> bool:
    """Let each operation of a scene fail; True if there was time for all."""
    trial, kinds = Trial(SCENES[name], folder), set()
    for operations in [(one,) for one in OPERATIONS] + [OPERATIONS]:
        for fault in faults_of(operations):
            for at in range(1, most + 1):
                if budget.over:
                    return False
                what = "any" if len(operations) > 1 else operations[0]
                say = f"{name}: {what} {at} gives {fault['error']}"
                budget.note(say)
                wrong, fired = trial.attempt(at=at, **fault)
                if not fired:
                    break
                told.counts["injections"] += 1
                told.counts[f"injections: {what}"] += 1
                if wrong and (what, wrong) not in kinds:  # of one cause the first is enough
                    kinds.add((what, wrong))
                    told.fault(f"{say}{', and all later' * fault['persistent']}: {wrong}")
    return True


@contextlib.contextmanager
def workplace() -> Iterator[Path]:
    """Give a folder in memory, where the system has that."""
    with tempfile.TemporaryDirectory(dir=MEMORY if MEMORY.is_dir() else None) as folder:
        yield Path(folder)


def run(budget: Budget) -> Told:
    """Go through the scenes, in an order of chance, while there is time."""
    told = Told()
    whole = 0
    names = list(SCENES)
    budget.dice.shuffle(names)
    for name in names:
        with workplace() as folder:
            whole += try_scene(name, told, budget, folder)
    told.at_least("scenes whole", whole)
    return told
