"""What an interrupted call has found in a long video, and drawn of it: the next one goes on after that.

It is kept in a hidden folder beside the output, which only its owner may enter: where faces are, with encodings of
them, frame by frame; and segments that are drawn, before anybody has checked them. It goes when the output stands in
its place, or is refused or rejected.
"""

from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from mien.anonymization.analysis import AnalyzedFrame, FollowedSearch
from mien.anonymization.drawing import Drawing
from mien.anonymization.policy import Policy
from mien.inference.jobs import Job
from mien.inference.kept_work import KeptWork, digest, facts_of_source, facts_of_versions
from mien.inference.saved_state import UNREADABLE, restored, saved
from mien.inference.session import Session
from mien.inference.target import facts_of_target
from mien.media.files import NothingCanBeWritten, parts_folder, whole_file
from mien.media.video_parts import PART_SUFFIX, PartSink
from mien.media.video_reader import VideoSource

_DRAWN = "drawn"
MADE_OF = {
    "mien.anonymization.analysis": ("AnalyzedFrame", "FollowedSearch"),
    "mien.anonymization.linking": ("LinkedFrames", "SearchedFrame"),
}
"""What a `FollowedSearch` is made of, for `restored`."""


class KeptVideo:
    """What is kept of a video until its output stands in its place.

    The frames of each segment as they were analyzed, and what is known after them; and each segment as it was drawn,
    by what it shows: where more is to be hidden, or somebody is drawn as somebody else, it is drawn anew.
    encode_in: see `analyze`. Raises MienError if the folder cannot be made.
    """

    def __init__(
        self,
        job: Job,
        video: VideoSource,
        session: Session,
        policy: Policy,
        segments: Sequence[range],
        encode_in: Collection[int],
    ) -> None:
        self._output, self._video, self._session, self._segments = job.output, video, session, segments
        self._found = KeptWork(parts_folder(job.output), _facts_of_search(video, session, policy, segments, encode_in))
        self._drawn = KeptWork(self._found.folder / _DRAWN, _facts_of_drawing(job, session, policy))
        for work, what in ((self._found, "found and drawn"), (self._drawn, "drawn")):
            if work.dropped:
                session.progress.say(f"{job.output}: what an interrupted call has {what} is dropped; {work.dropped}.")
        numbers = range(len(segments))
        self._done = next((one for one in numbers if not self._found.is_whole(self._analyzed(one))), len(segments))
        """So many segments are analyzed, from the first on."""
        self._goes_on = self._count_drawn() > 0

    @contextmanager
    def until_written(self) -> "Iterator[KeptVideo]":
        """It is removed when the block ends without an error. Otherwise it is said what stays, and where."""
        try:
            with self._found.named(self._output):
                yield self
        except BaseException as error:
            if not self._holds_work():
                self.remove()
            elif isinstance(error, NothingCanBeWritten):
                error.message += f" {self._what_stays()}"
            else:
                self._session.progress.say(f"{self._output}: {self._what_stays()}")
            raise
        self.remove()

    def restored(self) -> tuple[list[AnalyzedFrame], FollowedSearch]:
        """See `KeptAnalysis`."""
        frames: list[AnalyzedFrame] = []
        if not self._done:
            return frames, FollowedSearch()
        try:
            for number, segment in enumerate(self._segments[: self._done]):
                data = self._analyzed(number).read_bytes()
                of_segment = restored(data, self._video, deep=False, made_of=MADE_OF)
                if len(of_segment) != len(segment):
                    raise ValueError(f"{len(of_segment)} frames of a segment of {len(segment)}")
                frames += of_segment
            state = self._found.state_after(self._analyzed(self._done - 1))
            known: FollowedSearch = restored(state, self._video, deep=False, made_of=MADE_OF)
        except UNREADABLE:
            self._found.drop("its state cannot be read")
            self._drawn.drop(self._found.dropped)
            self._done, self._goes_on = 0, False
            self._session.progress.say(
                f"{self._output}: what an interrupted call has found and drawn is dropped; {self._found.dropped}."
            )
            return [], FollowedSearch()
        self._session.progress.say(
            f"{self._output}: goes on after {self._done} of {len(self._segments)} segments, which are searched already."
        )
        return frames, known

    def keep(self, frames: Sequence[AnalyzedFrame], known: FollowedSearch) -> None:
        """See `KeptAnalysis`; they are kept at the end of each segment."""
        segment = self._segments[self._done]
        if len(frames) < segment.stop:
            return
        piece = self._analyzed(self._done)
        with whole_file(piece) as partial:
            partial.write_bytes(saved(list(frames[segment.start : segment.stop])))
        self._found.keep(piece, saved(known))
        self._done += 1

    def draw(self, drawing: Drawing) -> list[Path]:
        """Draw what is not yet drawn. Returns the parts, see `PartSink`."""
        parts = [self._part(number, drawing) for number in range(len(self._segments))]
        left = [number for number, part in enumerate(parts) if not self._drawn.is_whole(part)]
        if self._goes_on:
            self._goes_on = False
            self._session.progress.say(
                f"{self._output}: {len(parts) - len(left)} of {len(parts)} segments are drawn already."
            )
        self._session.progress.start(self._video.path.name, len(drawing.frames))
        if len(left) < len(parts):
            self._session.progress.advance(len(drawing.frames) - sum(len(self._segments[number]) for number in left))
        faces = 0
        for number in left:
            with PartSink(
                parts[number],
                self._video,
                suffix=self._output.suffix,
                **self._session.encoding,
            ) as sink:
                faces = drawing.draw(sink, self._segments[number], faces)
            self._drawn.keep(parts[number])
        return parts

    def remove(self) -> None:
        """It is not needed any more."""
        self._found.remove()

    def _part(self, number: int, drawing: Drawing) -> Path:
        return self._drawn.folder / f"{number:04}-{drawing.digest(self._segments[number])}{PART_SUFFIX}"

    def _analyzed(self, number: int) -> Path:
        return self._found.folder / f"{number:04}.faces"

    def _count_drawn(self) -> int:
        drawn = self._drawn.folder.glob(f"*{PART_SUFFIX}")
        return len({part.name.partition("-")[0] for part in drawn if self._drawn.is_whole(part)})

    def _holds_work(self) -> bool:
        return self._done > 0 and self._found.folder.exists()

    def _what_stays(self) -> str:
        return (
            f"{self._done} of {len(self._segments)} segments are searched, and {self._count_drawn()} drawn: the same "
            f"command goes on after them. Until then {self._found.folder} holds data of the faces as they were filmed; "
            "remove it if you give this up."
        )


def _facts_of_search(
    video: VideoSource, session: Session, policy: Policy, segments: Sequence[range], encode_in: Collection[int]
) -> dict[str, str]:
    """By what the analyses of two calls are the same."""
    search, recognizer = policy.search, policy.recognizer
    extractors = [use for use in session.provenance.plugins if use.kind == "extractor"]
    follower = search.follower.choice if search.follower else None
    return {
        **facts_of_source(video, segments),
        "--extractor, --search or --with": digest(
            search.detector.choice, follower, search.mode, search.exact, extractors
        ),
        "--recognizer": digest(*((recognizer.record, recognizer.same_person_below) if recognizer else ())),
        "--no-check, --keep, --only or --policy": digest(sorted(encode_in)),
        **facts_of_versions(),
    }


def _facts_of_drawing(job: Job, session: Session, policy: Policy) -> dict[str, str]:
    """By what the segments of two calls are drawn alike, if also their analyses are the same."""
    known, options = policy.treatment.known, policy.options
    methods = [
        (
            method.session.run.digest,
            method.session.run.record,
            method.session.provenance.plugins,
            facts_of_target(method.target) if method.target else None,
        )
        for method in policy.methods.methods
    ]
    return {
        "format": job.output.suffix.lower(),
        "--quality": str(session.quality),
        "--encoder": session.encoder or "",
        "--with or --policy": digest(*methods),
        "plugins": digest(session.provenance.plugins),
        "--keep, --only or --policy": digest(
            policy.treatment.methods,
            policy.treatment.default,
            *([reference.tobytes() for reference in known.references] if known else ()),
        ),
        "--seed or --key": digest(policy.pseudonyms.ids.fingerprint()),
        "--missing or --margin": digest(options.missing, options.margin_seconds),
        "--device": session.generator.device_type,
    }
