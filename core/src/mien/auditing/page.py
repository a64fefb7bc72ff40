"""What is left of an audit in a folder: audit.json, index.html, and the leaks as images."""

from collections.abc import Mapping, Sequence
from importlib import resources
from pathlib import Path
from typing import Any

import cv2
from jinja2 import Environment, StrictUndefined

from mien.auditing.figures import figures_of, reasons_of, summary_of, told_of
from mien.auditing.report import AuditReport, Leak, LeakView
from mien.counted import counted
from mien.evaluation.html import embedded
from mien.media.files import whole_entries

DATA, PAGE, IMAGES = "audit.json", "index.html", "leaks"


def write_audit(folder: Path, report: AuditReport, views: Sequence[LeakView]) -> AuditReport:
    """Write FOLDER/audit.json, FOLDER/index.html, which needs no other file, and FOLDER/leaks/*.png: all or nothing.

    Returns the report, with the images named in it. Raises MienError if they may not be written.
    """
    names: dict[Any, str] = {}
    pngs: dict[str, bytes] = {}
    for number, view in enumerate(views):
        name = names[_key(view.leak)] = f"{IMAGES}/{number:04d}.png"
        pngs[name] = cv2.imencode(".png", view.image[..., ::-1])[1].tobytes()
    report = report.model_copy(
        update={
            "leaks": [_named(leak, names) for leak in report.leaks],
            "doubtful": [_named(leak, names) for leak in report.doubtful],
        }
    )
    with whole_entries(folder) as partial:
        (partial / IMAGES).mkdir()
        for name, png in pngs.items():
            (partial / name).write_bytes(png)
        (partial / DATA).write_text(report.model_dump_json(indent=1), encoding="utf-8")
        (partial / PAGE).write_text(_page(report, pngs), encoding="utf-8")
    return report


def _page(report: AuditReport, pngs: Mapping[str, bytes]) -> str:
    source = resources.files("mien.auditing").joinpath("page.html.j2").read_text(encoding="utf-8")
    return (
        Environment(autoescape=True, undefined=StrictUndefined)
        .from_string(source)
        .render(
            report=report,
            figures=figures_of(report),
            parts=[
                {"title": title, "leaks": [leak for leak in leaks if leak.image], "count": len(leaks)}
                for title, leaks in (("Leaks", report.leaks), ("Doubtful: maybe no faces", report.doubtful))
            ],
            pictures={name: embedded(png) for name, png in pngs.items()},
            reasons=reasons_of,
            summary=summary_of(report),
            told_of=told_of,
            counted=counted,
        )
    )


def _key(leak: Leak) -> Any:
    return leak.output, leak.frame, leak.box


def _named(leak: Leak, names: Mapping[Any, str]) -> Leak:
    return leak.model_copy(update={"image": names.get(_key(leak))})
