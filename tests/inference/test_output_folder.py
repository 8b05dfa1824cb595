# SPDX-License-Identifier: Apache-2.0
import pytest

from rankseg.inference.output_folder import check_output_folder, clear, write_note

MADE_BY = {"checkpoint": "a.pth", "flip": False}


@pytest.fixture
def source(tmp_path):
    (tmp_path / "in").mkdir()
    return tmp_path / "in"


def test_accepts_a_new_or_empty_folder(source, tmp_path):
    check_output_folder(tmp_path / "out/deep", source, MADE_BY)
    assert not (tmp_path / "out").exists()
    (tmp_path / "out").mkdir()
    check_output_folder(tmp_path / "out", source, MADE_BY, skip_existing=True)


@pytest.mark.parametrize("place", ["in", "in/out", "in/../in/x"])
def test_raises_on_output_inside_the_input(source, tmp_path, place):
    with pytest.raises(ValueError, match="output folder outside the input folder"):
        check_output_folder(tmp_path / place, source, MADE_BY)


def test_raises_on_a_link_into_the_input(source, tmp_path):
    (source / "x").mkdir()
    (tmp_path / "link").symlink_to(source / "x")
    with pytest.raises(ValueError, match="output folder outside the input folder"):
        check_output_folder(tmp_path / "link", source, MADE_BY)


def test_raises_on_a_folder_with_other_files(source, tmp_path):
    for options in ({}, dict(overwrite=True), dict(skip_existing=True)):
        with pytest.raises(ValueError, match="contain predictions, but found in. Choose ano"):
            check_output_folder(tmp_path, source, MADE_BY, **options)


def test_raises_on_earlier_predictions_without_an_option(source, tmp_path):
    write_note(tmp_path / "out", MADE_BY)
    with pytest.raises(ValueError, match="with --skip-existing, replace them with --overwrite"):
        check_output_folder(tmp_path / "out", source, MADE_BY)
    for options in (dict(overwrite=True), dict(skip_existing=True)):
        check_output_folder(tmp_path / "out", source, MADE_BY, **options)
    other = {**MADE_BY, "flip": True}
    check_output_folder(tmp_path / "out", source, other, overwrite=True)
    with pytest.raises(
        ValueError, match="were made with flip=False, and this prediction has flip=True"
    ):
        check_output_folder(tmp_path / "out", source, other, skip_existing=True)
    with pytest.raises(ValueError, match="got both"):
        check_output_folder(tmp_path / "out", source, MADE_BY, overwrite=True, skip_existing=True)


def test_clear_removes_predictions_only(tmp_path):
    write_note(tmp_path / "out", MADE_BY)
    for name in ("masks/a/b.png", "overlays/a.jpg", "mine.txt", "summary.csv"):
        (tmp_path / "out" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "out" / name).touch()
    (tmp_path / "far").mkdir()
    (tmp_path / "far/x.tif").touch()
    (tmp_path / "out/uncertainty").symlink_to(tmp_path / "far")
    clear(tmp_path / "out")
    left = sorted(path.name for path in (tmp_path / "out").iterdir())
    assert left == ["mine.txt", "prediction.json"] and (tmp_path / "far/x.tif").exists()


def test_raises_on_input_inside_the_output(tmp_path):
    write_note(tmp_path / "out", MADE_BY)
    (tmp_path / "out/masks").mkdir()
    with pytest.raises(ValueError, match="input outside the output folder"):
        check_output_folder(tmp_path / "out", tmp_path / "out/masks", MADE_BY, overwrite=True)


def test_raises_if_the_folder_cannot_be_written(source, tmp_path):
    (tmp_path / "file").touch()
    message = "output folder .*file/x to be writable.* is a file.*--out"
    with pytest.raises(ValueError, match=message):
        check_output_folder(tmp_path / "file/x", source, MADE_BY)
