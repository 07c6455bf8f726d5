"""The recoding of one object: what its pixels become, how it is written, how it is proven."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import numpy as np

from radkit import limits
from radkit.codecs import registry
from radkit.codecs.frame import CodedFrame, FrameSpec
from radkit.dicom import rules, splice
from radkit.dicom.encapsulate import FrameSpool, encapsulated_element, offset_tables
from radkit.dicom.icons import ICON, icon_hooks
from radkit.dicom.objects import DicomObject
from radkit.dicom.rewrite import Hook, joined
from radkit.dicom.signatures import removed_signatures
from radkit.dicom.splice import Edit
from radkit.dicom.write import Sink
from radkit.errors import EncodeError, VerificationError
from radkit.pixels.frames import Frames, OneFrame
from radkit.pixels.workers import stream, thread_count
from radkit.transcoding import cells, overlays
from radkit.transcoding.blocks import NotByBlocks, by_blocks, glance, may_go_by_blocks
from radkit.transcoding.dest import Written
from radkit.transcoding.icon import decode_icon
from radkit.transcoding.independent import decoder_for
from radkit.transcoding.options import Options
from radkit.transcoding.outcome import (
    check_alike,
    derived_uid,
    later_loss,
    outcome_of,
    total_ratio,
    version,
)
from radkit.transcoding.results import Transcoded
from radkit.transcoding.verify import FrameFigures, Proof, compare

__all__ = ["Recoding"]

_KEPT = 64 << 20  # bytes of source frames kept for the comparison; more are decoded again


class Recoding:
    """One object on its way: `encode`, then `write`, then `prove`, then `result`.

    Parameters
    ----------
    obj : DicomObject
        The source, with pixels.
    options : Options
        What was asked.
    """

    def __init__(self, obj: DicomObject, options: Options) -> None:
        self.obj = obj
        self.options = options
        self.target = options.target
        self.frames = Frames(obj, strict=options.strict)
        self.image = self.frames.image
        self.instance_uid = obj.elements.text(0x00080018)
        self.corrections: list[str] = []
        self.size = 0
        self._signed_tags = removed_signatures(obj, options.signatures)
        self._blocks = may_go_by_blocks(obj, options)
        self._keep_pixels = not obj.syntax.encapsulated and not self.target.encapsulated
        self._first: OneFrame | None = None
        self._spool: FrameSpool | None = None
        self._kept: list[np.ndarray] = []
        self._lossy_frames: list[str] = []
        self._earlier_lossy = rules.said_lossy(obj)
        self._seen_lossy = False
        self._plan: splice.Plan | None = None
        self._proof: Proof | None = None
        count = self.image.frames
        self._threads = thread_count(options.threads, count)
        self._deadline = limits.deadline()

    def __enter__(self) -> Self:
        """Give itself."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._kept.clear()
        if self._spool is not None:
            self._spool.__exit__(kind, error, trace)
        self.frames.close()

    # -- encode --

    def encode(self, folder: Path | None) -> None:
        """Decode and encode all frames, and lay out the result.

        Parameters
        ----------
        folder : Path or None
            For coded frames that do not fit into memory.
        """
        self._look_at_source()
        first = self._decode(0)
        self._first = first
        self.outcome = outcome_of(self.frames, first, self.target)
        if self.outcome.bits_stored != self.image.bits_stored:
            self._tell(f"Bits Stored is {self.outcome.bits_stored}, as the codestream has it")
        self._coded_total = self._raw_bytes()
        edits: rules.Edits = dict.fromkeys(self._signed_tags)
        hooks: dict[int, Hook] = {}
        if self._signed_tags:
            self._tell("digital signatures left out")
        if not self._keep_pixels:
            rules.check_holds(self.target, self.outcome, self.image.kind)
            moved, told = overlays.extract(self.frames)
            edits.update(moved)
            for text in told:
                self._tell(text)
            if overlays.has_unused_bits(self.frames, first):
                self._tell(
                    f"only the {self.image.bits_stored} stored bits of each word are carried;"
                    " the bits beside them are undefined (PS3.5 8.1.1)"
                )
        if self.target.encapsulated:
            edits.update(self._encode_frames(folder))
        elif not self._keep_pixels:
            edits.update({0x7FE00001: None, 0x7FE00002: None})
            size = cells.native_size(
                self.image.rows, self.image.cols, self.image.frames, self.outcome
            )
            self.size += size
        else:
            edits.update({0x7FE00001: None, 0x7FE00002: None})
            self.size += self.obj.pixels.length if self.obj.pixels else 0
        if not self._keep_pixels:
            edits.update(rules.image_edits(self.obj, self.outcome))
        self._tell_of_loss(edits, hooks)
        self._icon(edits, hooks)
        self._plan = splice.plan(
            self.obj,
            self.target,
            edits,
            hooks=hooks,
            signed=self.image.signed,
            bits_allocated=self.image.bits_allocated,
            keep_pixels=self._keep_pixels,
            instance_uid=self._new_instance(edits),
        )
        for problem in self._plan.problems:
            self._tell(problem.text)
        self.size += self._plan.size

    def _look_at_source(self) -> None:
        """Tell what is odd about the source; native pixels that are cut are not carried as such."""
        found = (*self.obj.problems, *self.image.problems, *self.frames.map.problems)
        for problem in found:
            self._tell(problem.text)
        cut = any(problem.code in ("pixel-data-cut", "pixel-data-short") for problem in found)
        self._keep_pixels &= not cut or self.image.kind != "int"

    def _decode(self, index: int) -> OneFrame:
        self._deadline.check(frame=index)
        if index == 0 and self._first is not None:
            frame, self._first = self._first, None
            return frame
        if self._blocks and not self.options.verify:  # nothing is compared with its samples
            return glance(self.frames, index)
        return self.frames.decode(index, colour="coded")

    def _raw_bytes(self) -> int:
        image, outcome = self.image, self.outcome
        bits = image.rows * image.cols * outcome.samples * outcome.bits_allocated
        return (bits * image.frames + 7) // 8

    def _encode_frames(self, folder: Path | None) -> rules.Edits:
        image, outcome, options = self.image, self.outcome, self.options
        if options.lossy is not None:
            rules.check_may_be_lossy(self.obj, outcome)
        spec = FrameSpec(
            rows=image.rows,
            cols=image.cols,
            samples=image.samples,
            bits_allocated=outcome.bits_allocated,
            bits_stored=outcome.bits_stored,
            signed=outcome.signed,
            photometric=outcome.photometric,
        )

        def work(index: int) -> tuple[OneFrame, CodedFrame]:
            frame = self._decode(index)
            check_alike(self.frames, frame, self.outcome, index)
            if self._blocks:
                data, shape = self.frames.map.read(index), (image.rows, image.cols)
                return frame, by_blocks(data, frame, shape, self.outcome, options)
            coded = registry.encode_frame(
                self.target.coding or "",
                frame.array,
                spec,
                lossy=options.lossy,
                coding_options=options.coding,
                syntax_uid=self.target.uid,
            )
            return frame, coded

        try:
            photometric = self._spool_frames(work, folder)
        except NotByBlocks:
            self._forget_frames()
            photometric = self._spool_frames(work, folder)
        tables = self._tables = offset_tables(self._sizes)
        self.size += tables.size
        self.outcome = replace(outcome, photometric=photometric or outcome.photometric)
        edits: rules.Edits = {0x7FE00001: None, 0x7FE00002: None}
        if tables.extended is not None and tables.lengths is not None:
            edits[0x7FE00001] = Edit("OV", tables.extended)
            edits[0x7FE00002] = Edit("OV", tables.lengths)
        return edits

    def _forget_frames(self) -> None:
        """Begin anew with frames that are decoded and encoded."""
        self._blocks = False
        self._kept.clear()
        self._lossy_frames.clear()
        if self._spool is not None:
            self._spool.__exit__(None, None, None)

    def _spool_frames(self, work: Any, folder: Path | None) -> str | None:
        """Code all frames, and return the colour that they are coded in."""
        options = self.options
        keep = bool(options.verify) and self._raw_bytes() <= _KEPT
        spool = self._spool = FrameSpool(folder)
        photometric: str | None = None
        for index, (frame, coded) in enumerate(self._each(work)):
            if photometric is None:
                photometric = coded.photometric
            elif photometric != coded.photometric:
                raise EncodeError("the coded frames differ in colour", frame=index)
            wanted = options.lossy.max_bytes if options.lossy is not None else None
            if wanted is not None and len(coded.data) > wanted:
                raise EncodeError(
                    f"the frame needs {len(coded.data)} bytes, max_bytes allows {wanted}",
                    frame=index,
                )
            self._note_frame(frame, coded)
            spool.append(coded.data)
            if keep:
                self._kept.append(frame.array)
        self._coded_total, self._sizes = spool.total, spool.sizes
        return photometric

    def _each(self, work: Any) -> Iterator[Any]:
        ahead = self._threads + 1 if self._threads > 1 else 0
        return stream(work, range(self.image.frames), threads=self._threads, ahead=ahead)

    def _note_frame(self, frame: OneFrame, coded: CodedFrame | None) -> None:
        self._seen_lossy |= frame.lossy
        self._earlier_lossy |= frame.lossy
        if coded is not None and coded.lossy:
            self._lossy_frames.append(coded.method)
        for problem in frame.problems:
            self._tell(problem.text)
        if frame.sound < 1.0:
            self._tell(f"a frame is incomplete: {frame.sound:.1%} of it is sound")

    # -- bookkeeping --

    def _tell_of_loss(self, edits: rules.Edits, hooks: dict[int, Hook]) -> None:
        if self._first is not None:
            self._note_frame(self._first, None)
            if self._spool is None and not self._seen_lossy and later_loss(self.frames):
                self._seen_lossy = self._earlier_lossy = True
        method = rules.source_method(self.obj.syntax) if self._lossy_source() else ""
        if not self._lossy_frames:
            if self._earlier_lossy:
                edits.update(rules.remember_lossy(self.obj, method))
            return
        self.instance_uid = derived_uid(self.obj, self.target, self._spool)
        step = rules.LossyStep(
            ratio=self._raw_bytes() / max(self._coded_total, 1),
            method=self._lossy_frames[0],
            earlier_method=method if self._earlier_lossy else "",
            instance_uid=self.instance_uid,
            version=version(),
        )
        more, group_hooks = rules.lossy_edits(self.obj, step)
        edits.update(more)
        hooks.update(group_hooks)
        for text in step.corrections:
            self._tell(text)

    def _lossy_source(self) -> bool:
        """Tell whether the loss may be that of the source's own coding: else its method is not."""
        return self._seen_lossy or self.obj.syntax.lossy_capable

    def _new_instance(self, edits: rules.Edits) -> str | None:
        """Give the UID of a new instance, lossy or wished; None to keep the old one."""
        if self._lossy_frames:
            return self.instance_uid
        if self.options.new_uid != "always":
            return None
        self.instance_uid = derived_uid(self.obj, self.target, self._spool)
        edits[0x00080018] = Edit("UI", self.instance_uid.encode("ascii"))
        return self.instance_uid

    def _icon(self, edits: rules.Edits, hooks: dict[int, Hook]) -> None:
        if self.obj.syntax.uid == self.target.uid:
            return
        found, leave_out = icon_hooks(self.obj, lambda *icon: decode_icon(self.obj, *icon))
        hooks.update({tag: joined(hooks.get(tag), hook) for tag, hook in found.items()})
        if leave_out:
            edits[ICON] = None
            self._tell("Icon Image Sequence left out: its pixels do not decode")

    def _tell(self, text: str) -> None:
        if text not in self.corrections:
            self.corrections.append(text)

    # -- write --

    def write(self, out: Sink) -> None:
        """Write the whole object."""
        if self._plan is None:
            raise EncodeError("nothing was encoded yet")
        splice.write(self._plan, self.obj.reader, self._pixel_element(), out)

    def _pixel_element(self) -> Iterator[bytes | memoryview]:
        if self._spool is not None:
            yield from encapsulated_element(self._spool, self._tables)
        elif not self._keep_pixels:
            image = self.image
            size = cells.native_size(image.rows, image.cols, image.frames, self.outcome)
            encoding = splice.goal_of(self.target)
            yield from cells.native_element(self._arrays(), size, self.outcome, encoding)

    def _arrays(self) -> Iterator[np.ndarray]:
        keep = bool(self.options.verify) and self._raw_bytes() <= _KEPT
        for index, frame in enumerate(self._each(self._decode)):
            check_alike(self.frames, frame, self.outcome, index)
            self._note_frame(frame, None)
            if keep:
                self._kept.append(frame.array)
            yield frame.array

    # -- prove --

    def prove(self, made: Any) -> None:
        """Decode what was written, and compare it with the source.

        Raises
        ------
        VerificationError
            A sample, the syntax or the number of frames is not what it must be.
        """
        if not self.options.verify:
            return
        lossy = bool(self._lossy_frames)
        proof = Proof(bits_stored=self.outcome.bits_stored)
        with Frames(made) as result:
            if result.obj.syntax.uid != self.target.uid or result.shape != self.frames.shape:
                raise VerificationError("the result reads back as another kind of image")
            second = decoder_for(self.options.verify, result, self.outcome)

            def work(index: int) -> tuple[np.ndarray, FrameFigures]:
                self._deadline.check(frame=index)
                after = result.decode(index, colour="coded").array
                if index < len(self._kept):
                    before = self._kept[index]
                else:
                    before = self.frames.decode(index, colour="coded").array
                figures = compare(
                    before, after, lossy=lossy, bits_stored=self.outcome.bits_stored, frame=index
                )
                if second is not None:
                    second(index, after)
                return after, figures

            for after, figures in self._each(work):
                proof.add(after, figures)
        wanted = self.options.lossy
        if (
            wanted is not None
            and wanted.max_error is not None
            and proof.max_error > wanted.max_error
        ):
            raise VerificationError(
                f"the largest error is {proof.max_error}, {wanted.max_error} was asked;"
                " nothing was written"
            )
        self._proof = proof

    # -- result --

    def result(self, *, bytes_in: int, written: Written) -> Transcoded:
        """Sum up."""
        proof, image = self._proof, self.image
        lossy = bool(self._lossy_frames)
        coded = max(self._coded_total, 1)
        ratio = self._raw_bytes() / coded
        stored = image.rows * image.cols * image.samples * image.frames * self.outcome.bits_stored
        return Transcoded(
            data=written.data,
            path=written.path,
            syntax=self.target,
            way="blocks" if self._blocks else "pixels",
            bytes_in=bytes_in,
            bytes_out=written.size,
            ratio=ratio,
            ratio_stored=stored / 8 / coded,
            total_ratio=total_ratio(self.obj, ratio, earlier=self._earlier_lossy),
            max_error=proof.max_error if proof else None,
            psnr=proof.psnr if proof else None,
            ssim=proof.ssim if proof and lossy else None,
            sha256=proof.sha256 if proof else None,
            corrections=tuple(self.corrections),
        )
