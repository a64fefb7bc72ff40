"""An image, a video or a folder, with faces hidden or new ones drawn, and no frame that shows who was there."""

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from mien.anonymization.file_provenance import EXPRESSIONS, FileProvenance
from mien.anonymization.images import anonymize_image, anonymize_images
from mien.anonymization.methods import Method, Methods, default_method
from mien.anonymization.people import KnownPeople
from mien.anonymization.people_policy import Anonymized, Kept, PeoplePolicy, Swapped
from mien.anonymization.policy import AnonymizeOptions, Policy
from mien.anonymization.pseudonyms import BySeed, KeyedPeople, Pseudonyms, read_key
from mien.anonymization.search import FaceSearch, default_extractors
from mien.anonymization.staged_output import StagedOutput
from mien.anonymization.treatment import DOUBT, Treatment
from mien.anonymization.verification import LeakSearch
from mien.anonymization.video import anonymize_video
from mien.errors import MienError
from mien.evaluation.expression_judge import ExpressionJudge, default_expression_judge
from mien.inference.jobs import FileTask, Job, elsewhere, list_jobs, run_jobs
from mien.inference.options import SessionOptions
from mien.inference.plugins_used import plugins_used
from mien.inference.report import AnonymizedFile, AnonymizeReport
from mien.inference.session import Session
from mien.inference.target import KnownPerson, check_seed
from mien.media.discovery import passed_over
from mien.media.encoders import check_encoder
from mien.media.video_writer import check_quality
from mien.plugins.choice import parse_choices
from mien.plugins.extractor_set import ExtractorSet
from mien.plugins.registry import Registry
from mien.progress import Progress, Silent
from mien.tracking.recognizer import Recognizer
from mien.tracking.tracker import KEPT
from mien.training.run import TrainedRun
from mien.workers import Executor
from mien.workers.threads import computing_with


def anonymize(
    source: Path,
    output: Path,
    *,
    method: Path | str | None = None,
    seed: int | None = None,
    options: AnonymizeOptions | None = None,
    session: SessionOptions | None = None,
    progress: Progress | None = None,
    registry: Registry | None = None,
    executor: Executor | None = None,
) -> AnonymizeReport:
    """Hide every face of an image, of a video, or of all of a folder, or draw it as somebody who does not exist.

    source: a file or folder; output: where to, of the same kind; as with `mien.swap`, a folder's tree is mirrored, and
    a file that fails stands in the report.
    method: what draws or hides faces: a model that needs no run, as `blocks:count=6`, or a run whose model draws
    synthetic people: its folder, or the name of an installed one; None: what `default_method` says.

    seed: whom to draw; None: 0. A person of a video is the same synthetic person in all its frames, also after they
    were lost or the video was cut, and in all files of a folder, if a feature that tells people apart is installed. In
    one image every face is a person of its own. The synthetic people follow from the seed, and from the path below the
    source and the place in it where somebody is found first; with a key (`options.key`), from that and who they are.
    options: whose faces stay or are swapped, and what becomes of frames in which a face may have been missed; None:
    nobody's, and the safe defaults.
    session: how faces are drawn and set in, but without "auto" blender; None: the defaults. Its extractor searches as
    `mien.anonymization.search` says; None: those that find most (`default_extractors`), not the run's. A face that is
    found but has not the points that the model needs is hidden in every frame, and so is what only may be a face. Its
    recognizer also compares new faces with the original ones.
    progress: what is told how far it is; None: nothing. registry: where plugins are looked for; None: all installed.
    executor: what does the files of a folder, one to a task, as with `mien.swap`; None: this process does them.

    A video that is longer than one and a half of `session.segment_seconds` is searched and drawn in segments: when this
    is interrupted, even killed, the same call goes on after the last whole one, and its result is that of a call that
    ran through. Until then a hidden folder beside the output, which only its owner may enter, holds boxes, landmarks
    and encodings of the faces that were filmed.

    No titles, places or other metadata are carried over. Whatever is drawn or hidden is labelled as synthetic.

    Returns what came of each file: faces drawn, synthetic people, frames hidden, and what the comparison said.
    Raises MienError, with nothing lost: as `mien.swap` does; for a recognizer that was named and cannot be used; for a
    run whose model draws only people that it knows; for a seed together with a key; for an executor, where people have
    to be the same in all files. For a single file also if it is refused.
    """
    how, options = session or SessionOptions(), options or AnonymizeOptions()
    if options.key and seed is not None:
        raise MienError(
            "--seed and a key both say which people are drawn.", f"--key {options.key} alone, or --seed {seed} alone"
        )
    seed = seed or 0
    check_quality(how.quality)
    check_encoder(how.encoder)
    rules = _rules(options)
    reads = [*how.reads, *options.reads, *rules.reads]
    jobs = list_jobs(source, output, overwrite=how.overwrite, done="anonymized", reads=reads)
    check_seed(seed)
    call = _Call(source, output, method, seed, options, how, registry or Registry())
    progress = progress or Silent()
    with call.opened(progress, several=len(jobs) > 1) as opened:
        start = time.perf_counter()
        if executor is not None and source.is_dir():
            _check_independent(opened.policy, options, call)
            files = elsewhere(executor, AnonymizeInit(call), jobs, output, progress)
        else:
            files = opened.done(jobs, source)
    return AnonymizeReport(
        files=files,
        seconds=time.perf_counter() - start,
        stage_seconds=opened.policy.methods.stage_seconds(),
        blender=opened.session.blender,
        recognizer=opened.policy.recognizer.record if opened.policy.recognizer else None,
        passed_over=tuple(passed_over(source)) if source.is_dir() else (),
        seed=seed if opened.policy.methods.draw_synthetic and not options.key else None,
        known_over_files=opened.policy.recognizer is not None and opened.policy.pseudonyms.remembers,
        extractor=opened.session.detector.choice,
        measures=_measures(opened.session),
        named=tuple(rule.images[0] for rule in rules.people),
        not_checked="" if opened.policy.verifier else opened.why_none or "it was not asked for",
        check_notes=opened.policy.leak_search.notes if opened.policy.leak_search else (),
    )


@dataclass(frozen=True, slots=True)
class _Opened:
    """Everything that is needed to anonymize the files of a call."""

    session: Session
    policy: Policy
    why_none: str
    """Why nothing tells people apart; empty if something does."""

    def done(self, jobs: Sequence[Job], source: Path) -> tuple[AnonymizedFile, ...]:
        """Anonymize files. source: what the jobs are of, a file or a folder."""
        return run_jobs(
            jobs,
            source,
            self.policy.outputs.root,
            AnonymizedFile,
            image=lambda job: anonymize_image(job, self.session, self.policy),
            images=lambda images: anonymize_images(images, self.session, self.policy),
            video=lambda job, video: anonymize_video(job, video, self.session, self.policy),
            part=self.session.part,
        )


@dataclass(frozen=True, slots=True)
class _Call:
    """What a call asks for."""

    source: Path
    output: Path
    method: Path | str | None
    seed: int
    options: AnonymizeOptions
    how: SessionOptions
    registry: Registry

    @contextmanager
    def opened(self, progress: Progress, *, several: bool) -> Iterator[_Opened]:
        """Open the methods and everything else. several: whether people may be in several files.

        Raises MienError as `anonymize`.
        """
        registry, options = self.registry, self.options
        named_extractor = self.how.extractor
        how = replace(self.how, extractor=named_extractor or default_extractors(registry))
        key = read_key(options.key) if options.key else None
        rules = _rules(options)
        chosen = self.method or rules.default.method or default_method(registry)
        opened = Session.open(chosen, options=how, progress=progress, registry=registry)
        opened.require("synthetic")
        tells_apart, why_none = _recognizer(opened.run, how.recognizer, registry)
        if tells_apart is None and (rules.people or key):
            message, _, fix = why_none.partition("\n")
            raise MienError(f"People cannot be told apart. {message}", fix)
        methods, of_people = _methods(
            rules, opened, replace(how, extractor=None, masker=None, blender=None, enhancers=""), registry
        )
        known = None
        if rules.people and tells_apart:
            finds_references = ExtractorSet(named_extractor or opened.run.extractor, registry)
            known = KnownPeople.of_images([rule.images for rule in rules.people], tells_apart, finds_references)
        treatment = Treatment(known, of_people, KEPT if rules.default.action == "keep" else DOUBT)
        if tells_apart:
            opened = opened.using("recognizer", plugins_used({"feature": tells_apart.record.choice}, registry))
        is_exact = known is not None or methods.draw_anybody
        search = FaceSearch.open(opened.detector, options.search, opened.threads, registry, exact=is_exact)
        leak_search = LeakSearch.open(search, registry) if options.check else None
        draws_synthetic = methods.draw_synthetic
        expressions = _expressions(registry) if draws_synthetic else None
        if expressions:
            opened = opened.using(EXPRESSIONS, plugins_used({"feature": expressions.record.choice}, registry))
        with (
            computing_with(1),
            _pseudonyms(self.seed, options.key, key, tells_apart, draws_synthetic and several) as pseudonyms,
        ):
            policy = Policy(
                options=options,
                seed=self.seed,
                methods=methods,
                treatment=treatment,
                pseudonyms=pseudonyms,
                recognizer=tells_apart,
                expressions=expressions,
                search=search,
                leak_search=leak_search,
                source=self.source,
                outputs=StagedOutput(self.output),
                chosen=_chosen(self.how),
                provenance=FileProvenance(opened.provenance, methods, "by a key" if key else f"seed {self.seed}"),
            )
            yield _Opened(opened, policy, why_none)


@dataclass(frozen=True, slots=True)
class AnonymizeInit:
    """What a worker that anonymizes the files of a folder is initialised with; a `mien.workers.WorkerInit`."""

    call: _Call

    def make_worker(self) -> Callable[[FileTask, Callable[[object], None]], AnonymizedFile]:
        """Open the methods, once for all files. Raises MienError as `anonymize` does."""
        return _FolderWorker(replace(self.call, how=replace(self.call.how, threads=1)))


class _FolderWorker:
    """Anonymizes one file after the other."""

    def __init__(self, call: _Call) -> None:
        self._open = ExitStack()  # as long as the worker is there
        self._opened = self._open.enter_context(call.opened(Silent(), several=False))

    def __call__(self, task: FileTask, report: Callable[[object], None]) -> AnonymizedFile:
        (done,) = self._opened.done([task.job], task.folders[0])
        return done


def _check_independent(policy: Policy, options: AnonymizeOptions, call: _Call) -> None:
    """Raises MienError if what becomes of a file depends on the others."""
    if options.key or policy.methods.draw_synthetic:
        raise MienError(
            "Synthetic people are known again in all files of a folder by one process, so a cluster cannot draw them.",
            f"mien anonymize {call.source} {call.output} --with blocks, which draws nobody; or leave out --on",
        )


def _rules(options: AnonymizeOptions) -> PeoplePolicy:
    """What the options say of people. Raises MienError for a file that is not understood."""
    if options.keep:
        return PeoplePolicy.keeping(options.keep)
    if options.only:
        return PeoplePolicy.only(options.only)
    if isinstance(options.people, Path):
        return PeoplePolicy.read(options.people)
    return options.people or PeoplePolicy()


def _methods(
    rules: PeoplePolicy, opened: Session, how: SessionOptions, registry: Registry
) -> tuple[Methods, Sequence[int]]:
    """The methods of all rules, first that of the call, and which of them is each person's, or `KEPT`.

    Raises MienError for a method that cannot be opened, or does not draw what it has to.
    """
    methods = [Method(opened)]
    numbers: dict[object, int] = {}
    of_people: list[int] = []
    for rule in rules.people:
        if isinstance(rule, Kept):
            of_people.append(KEPT)
        elif isinstance(rule, Anonymized) and rule.method is None:
            of_people.append(DOUBT)
        else:
            choice = (rule.run, rule.to, rule.reference, rule.consent) if isinstance(rule, Swapped) else rule.method
            if choice not in numbers:
                numbers[choice] = len(methods)
                methods.append(_method(rule, how, opened, registry))
            of_people.append(numbers[choice])
    return Methods(methods), of_people


def _method(rule: Swapped | Anonymized, how: SessionOptions, opened: Session, registry: Registry) -> Method:
    choice = rule.run if isinstance(rule, Swapped) else str(rule.method)
    session = Session.open(choice, options=how, progress=opened.progress, registry=registry)
    if isinstance(rule, Anonymized):
        session.require("synthetic")
        return Method(session)
    if rule.to is None:
        return Method(session, session.reference(rule.reference), rule.consent)
    session.require("known")
    try:
        return Method(session, KnownPerson(session.run.person_index(rule.to)), rule.consent)
    except MienError as error:
        known = session.run.people
        raise MienError(error.message, f'to = "{known[0]}", in the policy' if known else error.fix) from error


def _chosen(how: SessionOptions) -> tuple[str, ...]:
    """The options by which the user has chosen how what is drawn or hidden is set in."""
    named = (("--blender", how.blender), ("--masker", how.masker))
    return tuple(f"{flag} {choice}" for flag, choice in named if choice)


def _measures(session: Session) -> str:
    """The run's extractor, by whose landmarks it draws, if it takes no part in the search."""
    there = {choice.name for choice in parse_choices(session.detector.choice)}
    return "+".join(choice.name for choice in parse_choices(session.run.extractor) if choice.name not in there)


@contextmanager
def _pseudonyms(
    seed: int, key_path: Path | None, key: bytes | None, recognizer: Recognizer | None, several: bool
) -> Iterator[Pseudonyms]:
    """Who is which synthetic person. several: whether people have to be known again in other files of this call."""
    if key_path and key and recognizer:
        with KeyedPeople(key_path, key, recognizer).opened() as pseudonyms:
            yield pseudonyms
    else:
        yield Pseudonyms(BySeed(seed), recognizer, remembers=several)


def _recognizer(run: TrainedRun, choice: str | None, registry: Registry) -> tuple[Recognizer | None, str]:
    """What tells people apart; None and the reason if nothing that is installed does.

    Raises MienError for a choice of the user's that cannot be used.
    """
    if choice is not None:
        return Recognizer(registry, choice), ""
    try:
        return Recognizer(registry, run.tells_apart), ""
    except MienError as error:
        return None, str(error)


def _expressions(registry: Registry) -> ExpressionJudge | None:
    """What measures expressions; None if nothing that is installed does, or one of several would have to be chosen."""
    try:
        choice = default_expression_judge(registry)
        return ExpressionJudge(registry, choice) if choice else None
    except MienError:  # a broken plugin is listed with its reason; it does not take part
        return None
