"""What an audit found, in words."""

from mien.auditing.report import AuditReport, Guesses, Leak, UnpairedFile
from mien.counted import counted


def reasons_of(leak: Leak) -> str:
    """Why a face is a leak, in words."""
    told = []
    if leak.is_unchanged and leak.unchanged is not None:
        told.append("as it was" if leak.unchanged == 1 else f"as it was in {leak.unchanged:.0%} of a half or more")
    if leak.is_recognized and leak.distance is not None:
        told.append(f"still recognized (distance {leak.distance:.2f})")
    return "; ".join(told)


def summary_of(report: AuditReport) -> str:
    """The whole audit in a sentence or a few."""
    leaks = len(report.leaks)
    told = "No face was found that shows who was there"
    if leaks:
        told = f"{counted(leaks, 'face')} of the output {'shows' if leaks == 1 else 'show'} who was there"
    frames, faces = counted(report.frames, "frame"), counted(report.faces, "face")
    told += f": {frames}, {faces} of {counted(report.verification.people, 'person', 'people')}."
    if report.unexplained:
        files = counted(len(report.unexplained), "file")
        told += f" {files} without an original {'shows' if len(report.unexplained) == 1 else 'show'} faces."
    if report.failures:
        told += f" {counted(len(report.failures), 'file')} could not be audited."
    return told + (f" {len(report.doubtful)} more may be none." if report.doubtful else "")


def told_of(file: UnpairedFile) -> str:
    """What is to be said of a file without an original."""
    if file.failure:
        return f"{file.output} could not be searched."
    found = counted(file.faces, "face") if file.faces else "no face"
    frames = "" if file.frames == 1 or not file.faces else f" in {counted(len(file.frames_with_faces), 'frame')}"
    doubtful = f"; {counted(file.doubtful, 'more find')} may be none" if file.doubtful else ""
    kept = f"; {file.kept} of people to be kept" if file.kept else ""
    them = f": there is no original to compare {'it' if file.faces == 1 else 'them'} with" if file.faces else ""
    return f"{file.output} shows {found}{frames}{them}{kept}{doubtful}."


def figures_of(report: AuditReport) -> list[tuple[str, str, str]]:
    """The figures of verification: name, value and what it means."""
    found = report.verification
    rows = [
        (
            "Still recognized",
            f"{found.verified} of {found.faces}"
            + ("" if found.smallest_distance is None else f", nearest {found.smallest_distance:.2f}"),
            f"Faces nearer than {report.same_person_below:g} to the face that was at their place.",
        ),
        *(
            (
                f"Still recognized, {judge.recognizer.choice}",
                f"{judge.verified} of {judge.faces}"
                + ("" if judge.smallest_distance is None else f", nearest {judge.smallest_distance:.2f}"),
                f"The same by a further recognizer, nearer than {judge.same_person_below:g}; no leaks by themselves.",
            )
            for judge in report.judges
        ),
        (
            "Rank 1",
            _shown(found.identified, "one person alone: nobody to be confused with"),
            "How often the person whose original faces lie nearest is who was there.",
        ),
        (
            "TAR at FAR 0.1 %",
            _rates(report),
            "How often a protected face passes as its person at the threshold at which 1 of 1000 other people would.",
        ),
        (
            "Rank 1, enrolled",
            _shown(found.enrolled, "needs two people with two faces each"),
            "The same by an attacker who knows, by name, the protected faces of the first half of the time. High for "
            "every tool that gives a person one new face throughout; it does not say who that is.",
        ),
        (
            "Rank 1, trained",
            _shown(found.trained, "needs two people with ten faces each"),
            "The same by a linear classifier trained on protected faces (five folds, each a stretch of time).",
        ),
    ]
    return rows


def _rates(report: AuditReport) -> str:
    rates = report.verification.accepted
    if rates is None:
        return "not told: one person alone"
    if rates.true_accepts is None or rates.below is None:
        return f"not told: {counted(rates.impostor_pairs, 'pair')} of {rates.people} people, and 1000 are needed"
    return f"{rates.true_accepts:.1%} (below {rates.below:.2f}; {rates.impostor_pairs} pairs of {rates.people} people)"


def _shown(guesses: Guesses | None, why_none: str) -> str:
    if guesses is None:
        return f"not told: {why_none}"
    whose = f"{counted(guesses.faces, 'face')}, {counted(guesses.people, 'person', 'people')}"
    return f"{guesses.right:.1%}, by chance {guesses.by_chance:.1%} ({whose})"
