"""An image, a video or a folder, with faces hidden or new ones drawn, and no frame that shows who was there."""

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

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
from mien.inference.jobs import list_jobs, run_jobs
from mien.inference.options import SessionOptions
from mien.inference.plugins_used import plugins_used
from mien.inference.report import AnonymizedFile, AnonymizeReport
from mien.inference.session import Session
from mien.inference.target import KnownPerson, check_seed
from mien.media.discovery import passed_over
from mien.media.video_writer import check_quality
from mien.plugins.extractor_set import ExtractorSet
from mien.plugins.registry import Registry
from mien.progress import Progress, Silent
from mien.tracking.recognizer import Recognizer
from mien.tracking.tracker import KEPT
from mien.training.run import TrainedRun
from mien.workers.threads import computing_with


def anonymize(
    source: Path,
    output: Path,
    *,
    method: Path | str | None = None,
    seed: int = 0,
    options: AnonymizeOptions | None = None,
    session: SessionOptions | None = None,
    progress: Progress | None = None,
    registry: Registry | None = None,
) -> AnonymizeReport:
    """Hide every face of an image, of a video, or of all of a folder, or draw it as somebody who does not exist.

    source: a file or folder; output: where to, of the same kind; as with `mien.swap`, a folder's tree is mirrored, and
    a file that fails stands in the report.
    method: what draws or hides faces: a model that needs no run, as `blocks:count=6`, or a run whose model draws
    synthetic people: its folder, or the name of an installed one; None: what `default_method` says.

    seed: whom to draw. A person of a video is the same synthetic person in all its frames, also after they were lost or
    the video was cut, and in all files of a folder, if a feature that tells people apart is installed. In one image
    every face is a person of its own. The synthetic people follow from the seed, and from the path below the source and
    the place in it where somebody is found first; with a key (`options.key`), from that and who they are.
    options: whose faces stay or are swapped, and what becomes of frames in which a face may have been missed; None:
    nobody's, and the safe defaults.
    session: how faces are drawn and set in, but without "auto" blender; None: the defaults. Its extractor searches as
    `mien.anonymization.search` says; None: those that find most (`default_extractors`), not the run's. A face that is
    found but has not the points that the model needs is hidden in every frame, and so is what only may be a face. Its
    recognizer also compares new faces with the original ones.
    progress: what is told how far it is; None: nothing. registry: where plugins are looked for; None: all installed.

    No titles, places or other metadata are carried over. Whatever is drawn or hidden is labelled as synthetic.

    Returns what came of each file: faces drawn, synthetic people, frames hidden, and what the comparison said.
    Raises MienError, with nothing lost: as `mien.swap` does; for a recognizer that was named and cannot be used; for a
    run whose model draws only people that it knows. For a single file also if it is refused.
    """
    how, options = session or SessionOptions(), options or AnonymizeOptions()
    check_quality(how.quality)
    registry, progress = registry or Registry(), progress or Silent()
    named_extractor = how.extractor
    how = replace(how, extractor=named_extractor or default_extractors(registry))
    jobs = list_jobs(source, output, overwrite=how.overwrite, done="anonymized")
    check_seed(seed)
    key = read_key(options.key) if options.key else None
    rules = _rules(options)
    chosen = method or rules.default.method or default_method(registry)
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
    action = _action(methods, treatment, "by a key" if key else f"seed {seed}")
    opened = opened.saying(action, is_generated=methods.draw_anybody)
    for kind in ("model", "blender"):
        opened = opened.using(kind, methods.plugins_used(kind))
    if tells_apart:
        opened = opened.using("recognizer", plugins_used({"feature": tells_apart.record.choice}, registry))
    is_exact = known is not None or methods.draw_anybody
    search = FaceSearch.open(opened.detector, options.search, opened.threads, registry, exact=is_exact)
    leak_search = LeakSearch.open(search, registry) if options.check else None
    draws_synthetic = any(one.draws_synthetic for one in methods.methods)
    start = time.perf_counter()
    with (
        computing_with(1),
        _pseudonyms(seed, options.key, key, tells_apart, draws_synthetic and len(jobs) > 1) as pseudonyms,
    ):
        policy = Policy(
            options=options,
            seed=seed,
            methods=methods,
            treatment=treatment,
            pseudonyms=pseudonyms,
            recognizer=tells_apart,
            search=search,
            leak_search=leak_search,
            source=source,
            outputs=StagedOutput(output),
        )
        files = run_jobs(
            jobs,
            source,
            output,
            AnonymizedFile,
            image=lambda job: anonymize_image(job, opened, policy),
            images=lambda images: anonymize_images(images, opened, policy),
            video=lambda job, video: anonymize_video(job, video, opened, policy),
            part=how.part,
        )
    return AnonymizeReport(
        files=files,
        seconds=time.perf_counter() - start,
        stage_seconds=methods.stage_seconds(),
        blender=opened.blender,
        recognizer=tells_apart.record if tells_apart else None,
        passed_over=tuple(passed_over(source)) if source.is_dir() else (),
        seed=seed,
        not_checked="" if policy.verifier else why_none or "it was not asked for",
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
            choice = (rule.run, rule.to, rule.consent) if isinstance(rule, Swapped) else rule.method
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
    session.require("known")
    return Method(session, KnownPerson(session.run.person_index(rule.to)), rule.consent)


def _action(methods: Methods, treatment: Treatment, whom: str) -> str:
    """What is done to faces, as the provenance label says it. whom: what says which synthetic people are drawn."""
    actions = [f"{one.action}, {whom}" if one.draws_synthetic else one.action for one in methods.methods]
    if KEPT in (treatment.default, *treatment.methods):
        actions.append("some people left as they are, as was asked")
    return "; ".join(dict.fromkeys(actions))


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
        return Recognizer(registry, run.recognizer), ""
    except MienError as error:
        return None, str(error)
