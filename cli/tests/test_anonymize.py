"""`mien anonymize`: what is hidden, still known or failed is told; the exit code says whether all is well."""

import shutil
from pathlib import Path

import pytest

DATA = Path(__file__).resolve().parents[2] / "tests" / "data"
FACE, NO_FACE = DATA / "images/formats/rgb_q90.jpg", DATA / "images/noface/rocket.jpg"
TWO = DATA / "clips/two_people_2s_audio.mp4"
ALL_FACES = ("--extractor", "face_recognition:search=full,upsample=0")


@pytest.fixture
def run_of(environment, people, tmp_path_factory):
    """Make a run of one of the models of tests/plugins/colors, of one step."""
    from mien.training import TrainOptions, train

    environment.install_package("mirror")
    environment.install_package("colors")

    def made(model: str) -> Path:
        folder = tmp_path_factory.mktemp("runs") / model
        train(model, people, folder, options=TrainOptions(steps=1))
        return folder

    return made


def summary(run) -> dict[str, str]:
    lines = run.stdout.splitlines()
    (at,) = [number for number, line in enumerate(lines) if line.split()[:1] == ["Files"]]
    headings = [heading.strip() for heading in lines[at].split("  ") if heading.strip()]
    return dict(zip(headings, lines[at + 2].split(), strict=True))


def cut(target: Path, frames: int, covered: range) -> Path:
    """The first frames of the clip of two people, the left one of them covered in some."""
    from mien.media.video_reader import VideoSource
    from mien.media.video_writer import VideoSink

    video = VideoSource(TWO)
    with VideoSink(target, video, synthetic=None) as sink:
        for frame in video.frames(0, frames):
            image = frame.image.copy()
            if frame.index in covered:
                image[:, : video.width // 2] = 128
            sink.write(image, frame.pts, frame.duration)
    return target


def test_of_a_folder_what_was_hidden_and_what_failed_is_told(mien, run_of, tmp_path):
    folder, out = tmp_path / "in", tmp_path / "out"
    folder.mkdir()
    for image in (FACE, NO_FACE, DATA / "images/formats/truncated.jpg"):
        shutil.copy(image, folder)

    run = mien("anonymize", folder, out, "--with", run_of("green"), "--seed", "3")
    assert run.exit_code == 1, run.stderr
    told = summary(run)
    assert (told["Files"], told["Seed"], told["People"], told["Faces drawn"]) == ("2", "3", "1", "1")
    assert (told["Hidden"], told["Still match"], told["Failed"]) == ("1", "0/1", "1")
    assert f"Hidden: {out / 'rocket.jpg'}: no face was found." in run.stdout
    (failed,) = [line for line in run.stdout.splitlines() if line.startswith("Failed: ")]
    assert "truncated.jpg" in failed


@pytest.mark.long
def test_of_a_video_hidden_frames_and_sound_are_told(mien, run_of, tmp_path):
    clip, out, green = cut(tmp_path / "two.mp4", 14, range(2, 12)), tmp_path / "out.mp4", run_of("green")
    run = mien("anonymize", clip, out, "--with", green, *ALL_FACES, "--no-check")
    assert run.exit_code == 0, run.stderr
    assert (summary(run)["Hidden"], summary(run)["Still match"]) == ("10", "?")
    assert f"Hidden: {out}: no face was found, or one was missing, in frames 2–11." in run.stdout
    assert f"Sound: {out} keeps its sound; voices identify people." in run.stdout
    assert "Not checked: new faces were not compared with the original ones: it was not asked for" in run.stdout

    kept = mien("anonymize", clip, out, "--with", green, *ALL_FACES, "--missing", "keep", "--no-sound", "--overwrite")
    assert f"Partial: {out}: a face seen before and after was not found and is unchanged in frames 2–11." in kept.stdout
    assert "Sound: " not in kept.stdout and "Hidden: " not in kept.stdout

    out.unlink()
    refused = mien("anonymize", clip, out, "--with", green, *ALL_FACES, "--missing", "refuse")
    assert refused.exit_code == 2
    assert "a face seen before and after was not found in frames 2–11; nothing was written" in refused.stderr
    assert "--missing hide" in refused.stderr and not out.exists()


def test_a_face_that_is_still_known_is_rejected(mien, run_of, tmp_path):
    run = mien("anonymize", FACE, tmp_path / "out.png", "--with", run_of("reflection"))
    assert run.exit_code == 1
    assert (summary(run)["Files"], summary(run)["Still match"], summary(run)["Failed"]) == ("0", "1/1", "1")
    assert "1 of 1 compared face is still taken for the person who was filmed" in run.stdout
    assert "Try:   --seed 1" in run.stdout
    assert not (tmp_path / "out.png").exists() and (tmp_path / "out.rejected.png").exists()


def test_a_blender_that_was_chosen_is_what_to_leave_out(mien, tmp_path):
    options = ("--with", "solid", "--blender", "poisson:mode=mixed")
    run = mien("anonymize", FACE, tmp_path / "out.png", *options)
    assert run.exit_code == 1
    (fix,) = (line for line in run.stdout.splitlines() if line.startswith("Try:"))
    assert fix.split(maxsplit=1)[1].startswith("Leave out --blender poisson:mode=mixed; or look at ")
    assert "--with" not in fix


@pytest.mark.parametrize("name", ["out", "out.bmp", "out.gif", "out.mp4"])
def test_as_what_nothing_is_written_is_told_before_the_work_with_what_can_be(mien, tmp_path, name):
    run = mien("anonymize", FACE, tmp_path / name, "--with", "none")
    assert run.exit_code == 2 and f"{tmp_path / name}: " in run.stderr and "unchecked" not in run.stderr
    assert "Use one of .jpg, .jpeg, .png, .webp, .tif, .tiff." in run.stderr


def test_who_is_kept_is_told_and_a_key_is_made_once(mien, tmp_path):
    key, quick = tmp_path / "project.key", ("--with", "solid", "--extractor", "face_recognition", "--no-check")
    run = mien("anonymize", FACE, tmp_path / "kept.png", "--keep", FACE, *quick)
    assert run.exit_code == 0, run.stderr
    assert (summary(run)["Kept"], summary(run)["Faces drawn"]) == ("1", "0")

    run = mien("anonymize", FACE, tmp_path / "out.png", "--key", key, *quick)
    assert run.exit_code == 2
    assert f"There is no key {key}" in run.stderr and f"--new-key {key}" in run.stderr
    run = mien("anonymize", FACE, tmp_path / "out.png", "--new-key", key, *quick)
    assert run.exit_code == 0, run.stderr
    assert (tmp_path / "project.key.people").exists()
    again = mien("anonymize", FACE, tmp_path / "again.png", "--new-key", key, *quick)
    assert again.exit_code == 2
    assert "a key is never replaced" in again.stderr and f"--key {key}" in again.stderr


def test_a_key_is_gone_again_if_nothing_was_written(mien, run_of, tmp_path):
    key = tmp_path / "project.key"
    for image, more in ((FACE, ["--seed", "3"]), (NO_FACE, ["--missing", "refuse"])):
        run = mien("anonymize", image, tmp_path / "out.png", "--with", run_of("green"), "--new-key", key, *more)
        assert run.exit_code == 2, run.stdout
        assert list(tmp_path.glob("project*")) == [], run.stderr
    (tmp_path / "project.key.people").write_text("of a key that is lost")
    run = mien("anonymize", FACE, tmp_path / "out.png", "--with", "solid", "--new-key", key)
    assert run.exit_code == 2 and [path.name for path in tmp_path.glob("project*")] == ["project.key.people"]
    (tmp_path / "project.key.people").unlink()
    rejected = mien("anonymize", FACE, tmp_path / "out.png", "--with", run_of("reflection"), "--new-key", key)
    assert rejected.exit_code == 1 and (tmp_path / "out.rejected.png").exists()
    assert key.exists(), "somebody may look at what was rejected, and go on"
    assert "Try:   --new-key FILE; another --with" in rejected.stdout


def test_what_is_hidden_is_told_once_and_with_its_reason(mien, run_of, tmp_path):
    hidden = mien("anonymize", NO_FACE, tmp_path / "a.png", "--with", "solid")
    assert f"Hidden: {tmp_path / 'a.png'}: no face was found." in hidden.stdout
    assert "Hidden in part" not in hidden.stdout and "Seed" not in summary(hidden)
    boxes = ("--extractor", "centerface", "--no-check")
    undrawn = mien("anonymize", FACE, tmp_path / "b.png", "--with", run_of("green"), *boxes)
    told = f"{tmp_path / 'b.png'}: 1 face was found without the landmarks to be drawn by, and hidden instead."
    assert f"Hidden in part: {told} --extractor centerface+" in undrawn.stdout


def test_who_was_named_and_not_found_is_told(mien, tmp_path):
    hopper = DATA / "images" / "stills" / "grace_hopper.jpg"
    run = mien("anonymize", FACE, tmp_path / "out.png", "--with", "solid", "--keep", hopper, "--no-check")
    assert f"Not found: nobody in any of the files is surely whom {hopper} shows." in run.stdout


def test_credentials_that_stand_beside_a_file_are_told(mien, tmp_path):
    out = tmp_path / "out.mkv"
    run = mien("anonymize", DATA / "clips" / "single_frame.mp4", out, "--with", "solid", "--no-check")
    assert f"Credentials: those of {out} stand in {out}.c2pa: move both." in run.stdout


@pytest.mark.parametrize(
    ("method", "said"),
    [
        ("blurr", "no run or model of that name is installed. Did you mean 'blur'?"),
        ("morp:people=6", "Did you mean 'morph'?"),
        ("deepfakes", "The model 'deepfakes' has to be trained before it draws."),
    ],
)
def test_a_method_that_there_is_not_is_answered_with_the_nearest(mien, tmp_path, method, said):
    run = mien("anonymize", FACE, tmp_path / "out.png", "--with", method)
    assert run.exit_code == 2 and said in run.stderr


def test_each_command_names_the_other_for_the_other_kind_of_run(mien, run_of, tmp_path):
    known = run_of("known")
    run = mien("anonymize", FACE, tmp_path / "out.png", "--with", known)
    assert run.exit_code == 2
    assert f"mien swap {known} INPUT OUTPUT --to E" in run.stderr

    mirror = run_of("reflection")
    run = mien("swap", mirror, FACE, tmp_path / "out.png", "--to", "E")
    assert run.exit_code == 2
    assert f"mien anonymize INPUT OUTPUT --with {mirror}" in run.stderr


@pytest.mark.parametrize(
    ("options", "part"),
    [
        (["--extractor", "face_recognition+blazefase"], "No extractor named 'blazefase'"),
        (["--masker", "hands"], "'hands' says only what stands in front of a face"),
        (["--enhance", "match_gain"], "No enhancer named 'match_gain'"),
        (["--missing", "forget"], "forget"),
        (["--max-verified", "2"], "--max-verified"),
        (["--margin", "nan"], "--margin must be 0 or more seconds, not nan"),
        (["--margin", "-1"], "--margin must be 0 or more seconds, not −1"),
        (["--seed", "-1"], "--seed"),
        (["--keep", "nobody.jpg"], "nobody.jpg"),
        (["--keep", "a.jpg", "--only", "b.jpg"], "--keep and --only together"),
        (["--policy", "nowhere.toml"], "There is no file nowhere.toml"),
        (["--key", "a.key", "--new-key", "b.key"], "--key and --new-key name two keys"),
    ],
)
def test_what_cannot_be_meant_is_told_and_nothing_is_written(mien, run_of, tmp_path, options, part):
    run = mien("anonymize", FACE, tmp_path / "out.jpg", "--with", run_of("green"), *options)
    assert run.exit_code == 2
    assert part in run.stderr
    assert not (tmp_path / "out.jpg").exists()


def test_after_training_the_command_that_fits_the_model_is_named(mien, run_of, people, tmp_path):
    run = mien("train", "reflection", people[0], "--run", tmp_path / "run", "--steps", "1")
    assert f"mien anonymize INPUT OUTPUT --with {tmp_path / 'run'}" in run.stdout
    assert "mien swap" not in run.stdout
