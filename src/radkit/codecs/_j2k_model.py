"""What the headers of a JPEG 2000 codestream say, as the native reader found it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from radkit.codecs.frame import CodestreamInfo
from radkit.errors import Problem

if TYPE_CHECKING:
    from radkit._native._j2k import Stream

__all__ = ["Header"]

ORDERS = ("LRCP", "RLCP", "RPCL", "PCRL", "CPRL")


class Header:
    """An open codestream; its facts are read when they are asked for.

    Parameters
    ----------
    stream : Stream
        The native reader, whose checks it has passed.
    boxes : tuple of Problem
        What was odd about the JP2 or JPH file around it.
    jp2 : bool
        There is such a file.
    """

    __slots__ = ("_facts", "boxes", "jp2", "stream")

    def __init__(self, stream: Stream, boxes: tuple[Problem, ...], jp2: bool) -> None:
        self.stream = stream
        self.boxes = boxes
        self.jp2 = jp2
        self._facts: dict[str, Any] | None = None

    @property
    def facts(self) -> dict[str, Any]:
        """What the headers say. Pairs are (x, y), as in SIZ."""
        if self._facts is None:
            self._facts = self.stream.facts()
        return self._facts

    @property
    def mapping(self) -> Problem | None:
        """Why the samples of the codestream are not those of the image, if they are not."""
        return next((p for p in self.boxes if p.code == "jp2-mapping"), None)

    @property
    def problems(self) -> tuple[Problem, ...]:
        """Faults that do not hinder decoding."""
        return self.boxes if self.stream.plain else (*self.boxes, *_problems(self.facts))

    def info(self) -> CodestreamInfo:
        """Return the public form."""
        facts = self.facts
        (x0, y0), (x1, y1) = facts["origin"], facts["size"]
        return CodestreamInfo(
            coding="htj2k" if facts["ht"] else "jpeg2000",
            rows=y1 - y0,
            cols=x1 - x0,
            components=len(facts["precisions"]),
            precisions=facts["precisions"],
            signs=facts["signs"],
            reductions=facts["reductions"],
            layers=facts["layers"],
            progression=ORDERS[facts["order"]],
            tiles=facts["tiles"][0] * facts["tiles"][1],
            tile=(facts["tile"][1], facts["tile"][0]),
            block=facts["block"],
            reversible=facts["reversible"],
            mct=facts["mct"],
            ht=facts["ht"],
            plt=facts["plt"],
            tlm=facts["tlm"],
            subsampling=tuple((y, x) for x, y in facts["steps"]),
            jp2=self.jp2,
            problems=self.problems,
        )


def _problems(facts: dict[str, Any]) -> Iterator[Problem]:
    if facts["ht"] and not facts["cap"]:
        yield Problem(code="cap-missing", text="HT code-blocks without a CAP segment [T.814 A.2]")
    if facts["fault"] is not None:
        fault = facts["fault"]
        yield Problem(code="codestream-damaged", text=str(fault), offset=fault.offset)
    elif not facts["eoc"] and facts["sound"] == 1.0:
        text = "the codestream has no EOC marker [T.800 A.4.4]"
        yield Problem(code="eoc-missing", text=text)
    elif facts["tail"]:
        text = f"{facts['tail']} bytes follow EOC"
        yield Problem(code="bytes-after-eoc", text=text, offset=facts["end"])
    if facts["over"]:  # old encoders count one too few; what is there is read
        text = "a tile has more tile-parts than it states [T.800 A.4.2]"
        yield Problem(code="tile-part-count-wrong", text=text)
    if facts["tlm"] and facts["tlm_parts"] != facts["parts"]:
        text = f"TLM lists {facts['tlm_parts']} tile-parts, {facts['parts']} are there"
        yield Problem(code="tlm-wrong", text=text)
