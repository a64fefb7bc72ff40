"""`mien swap`: what was drawn, what was not, and what failed is told; the exit code says whether all went well."""

import shutil
from pathlib import Path

import pytest

DATA = Path(__file__).resolve().parents[2] / "tests" / "data"
FACE, NO_FACE = DATA / "images/formats/rgb_q90.jpg", DATA / "images/noface/rocket.jpg"
TINY = "deepfakes:size=32,width=4,bottleneck=8,code_channels=8,shared_channels=8,decoder_width=8,batch_size=2"


@pytest.fixture(scope="module")
def run_folder(people, tmp_path_factory) -> Path:
    """A run of one step: it draws no face worth looking at, but it draws."""
    from mien.training import TrainOptions, train

    folder = tmp_path_factory.mktemp("runs") / "run"
    train(TINY, people, folder, options=TrainOptions(steps=1))
    return folder


def summary(run) -> dict[str, str]:
    lines = run.stdout.splitlines()
    (at,) = [number for number, line in enumerate(lines) if line.split()[:1] == ["Files"]]
    headings = [heading.strip() for heading in lines[at].split("  ") if heading.strip()]
    return dict(zip(headings, lines[at + 2].split(), strict=True))


def test_an_image_is_swapped(mien, run_folder, tmp_path):
    run = mien("swap", run_folder, FACE, tmp_path / "out.jpg", "--to", "E")
    assert run.exit_code == 0, run.stderr
    assert summary(run)["Faces drawn"] == "1"
    assert (tmp_path / "out.jpg").exists()

    again = mien("swap", run_folder, FACE, tmp_path / "out.jpg", "--to", "J")
    assert again.exit_code == 2
    assert "--overwrite" in again.stderr
    assert mien("swap", run_folder, FACE, tmp_path / "out.jpg", "--to", "J", "--overwrite").exit_code == 0


def test_how_faces_are_searched_can_be_chosen(mien, run_folder, tmp_path):
    spec = "face_recognition:search=full,upsample=0"
    assert mien("swap", run_folder, FACE, tmp_path / "out.jpg", "--to", "E", "--extractor", spec).exit_code == 0
    assert (tmp_path / "out.jpg").exists()


def test_of_a_folder_what_was_not_drawn_and_what_failed_is_told(mien, run_folder, tmp_path):
    folder = tmp_path / "in"
    folder.mkdir()
    for image in (FACE, NO_FACE, DATA / "images/formats/truncated.jpg"):
        shutil.copy(image, folder)

    run = mien("swap", run_folder, folder, tmp_path / "out", "--to", "E")
    assert run.exit_code == 1
    told = summary(run)
    assert (told["Files"], told["Faces drawn"], told["No face"], told["Failed"]) == ("2", "1", "1", "1")
    assert f"Unchanged: {tmp_path / 'out' / 'rocket.jpg'}: no face was drawn." in run.stdout
    (failed,) = [line for line in run.stdout.splitlines() if line.startswith("Failed: ")]
    assert "truncated.jpg" in failed
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["rgb_q90.jpg", "rocket.jpg"]


def test_frames_in_which_one_of_two_faces_was_lost_are_told(mien, run_folder, tmp_path):
    from mien.media.video_reader import VideoSource
    from mien.media.video_writer import VideoSink

    video = VideoSource(DATA / "clips/two_people_2s_audio.mp4")
    with VideoSink(tmp_path / "two.mp4", video, synthetic=None) as sink:
        for frame in video.frames(0, 14):
            image = frame.image.copy()
            if 2 <= frame.index < 12:
                image[:, : video.width // 2] = 128  # the left one of the two
            sink.write(image, frame.pts, frame.duration)

    searched = ("--extractor", "face_recognition:search=full,upsample=0")
    run = mien("swap", run_folder, tmp_path / "two.mp4", tmp_path / "out.mp4", "--to", "E", *searched)
    assert run.exit_code == 0, run.stderr
    assert (summary(run)["No face"], summary(run)["Partial"]) == ("0", "10")
    told = f"{tmp_path / 'out.mp4'}: a face seen before and after was not found and is unchanged in frames 2–11."
    assert f"Partial: {told}" in run.stdout
    assert "Unchanged: " not in run.stdout


@pytest.mark.parametrize(
    ("options", "part"),
    [
        (["--to", "nobody"], "it knows E, J"),
        (["--to", "E", "--blender", "father"], "Did you mean 'feather'?"),
        (["--to", "E", "--extractor", "face_recogniton"], "Did you mean 'face_recognition'?"),
        (["--to", "E", "--person", "nobody.jpg"], "nobody.jpg"),
        (["--to", "E", "--person", "nobody.jpg", "--recognizer", "encodin"], "Did you mean 'encoding'?"),
        (["--to", "E", "--recognizer", "encoding"], "No person was named"),
    ],
)
def test_what_cannot_be_meant_is_told_and_nothing_is_written(mien, run_folder, tmp_path, options, part):
    run = mien("swap", run_folder, FACE, tmp_path / "out.jpg", *options)
    assert run.exit_code == 2
    assert part in run.stderr
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_is_no_run_is_told(mien, tmp_path):
    run = mien("swap", tmp_path, FACE, tmp_path / "out.jpg", "--to", "E")
    assert run.exit_code == 2
    assert "is not a run" in run.stderr


def test_whom_to_draw_has_to_be_said(mien, run_folder, tmp_path):
    run = mien("swap", run_folder, FACE, tmp_path / "out.jpg")
    assert run.exit_code == 2
    assert "--to" in run.stderr


def test_the_blender_can_be_chosen_by_trying_those_installed(mien, run_folder, tmp_path):
    run = mien("swap", run_folder, FACE, tmp_path / "out.png", "--to", "E", "--blender", "auto", "--no-credentials")
    assert run.exit_code == 0, run.stderr
    rows = [line.split() for line in run.stdout.splitlines()]
    (chosen,) = [row[1] for row in rows if row[:1] == ["✓"]]
    scores = {row[-4]: float(row[-1]) for row in rows if row[-4:-3] and row[-4] in ("feather", "multiband", "poisson")}
    assert len(scores) == 3 and chosen == min(scores, key=lambda name: scores[name])
    assert f"{chosen} has the lowest score" in run.stdout
    assert f"look at {tmp_path / 'out.blenders.png'}" in run.stdout
    assert (tmp_path / "out.blenders.png").exists()
    assert f"Faces are set in by {chosen}" in run.stderr

    again = mien("swap", run_folder, FACE, tmp_path / "out2.png", "--to", "E", "--blender", chosen, "--no-credentials")
    assert again.exit_code == 0
    assert (tmp_path / "out.png").read_bytes() == (tmp_path / "out2.png").read_bytes()
