# SPDX-License-Identifier: Apache-2.0
from pathlib import Path

import pytest

from rankseg.utils.found_names import match_names

ROOT = Path("/data/photos")
NFC, NFD = "caf\u00e9.png", "cafe\u0301.png"


def found(names: list[str], files: list[str], root: Path = ROOT) -> dict[str, str | None]:
    """File below the root by name; ``?`` if ambiguous."""
    matches = match_names(names, [root / file for file in files], root)
    result = dict.fromkeys(names)
    result |= {names[i]: file.relative_to(root).as_posix() for i, file in matches.files.items()}
    result |= {names[i]: "?" for i in matches.ambiguous}
    assert sorted([*matches.files, *matches.ambiguous, *matches.missing]) == [*range(len(names))]
    return result


@pytest.mark.parametrize(
    "name",
    [
        "a/1 b.png",
        "./a/1 b.png",
        "a\\1 b.png",
        "photos\\a\\1 b.png",
        "C:\\Users\\me\\photos\\a\\1 b.png",
        "/home/me/elsewhere/a/1 b.png",
        "a/1%20b.png",
        "https://host/bucket/a/1%20b.png?token=3#x",
        "s3://bucket/a/1 b.png",
        "file:///C:/photos/a/1%20b.png",
        "/data/local-files/?d=photos%5Ca%5C1%20b.png",
        "../photos/a/1 b.png",
        "x/../a/1 b.png",
        "1 b.png",
        "A/1 B.PNG",
    ],
)
def test_spellings_of_one_path(name):
    assert found([name], ["a/1 b.png", "a/2.png"]) == {name: "a/1 b.png"}


def test_percent_in_a_name_is_taken_literally_first():
    assert found(["50%25.png"], ["50%25.png", "50%.png"]) == {"50%25.png": "50%25.png"}
    assert found(["50%.png"], ["50%.png"]) == {"50%.png": "50%.png"}


def test_longest_ending_counts():
    names = ["camera_a/0.png", "camera_b/0.png"]
    assert found(names, ["camera_a/0.png"]) == dict(
        zip(names, ["camera_a/0.png", None], strict=True)
    )
    both = ["camera_a/0.png", "camera_b/0.png"]
    assert found(names, both) == dict(zip(names, both, strict=True))
    assert found(["camera_b/0.png"], ["camera_a/0.png"]) == {"camera_b/0.png": None}
    assert found(names, ["0.png"], Path("/data/camera_b")) == dict(
        zip(names, [None, "0.png"], strict=True)
    )


def test_names_of_another_folder_are_missing_where_names_know_the_folder():
    names = ["photos/0.png", "others/1.png"]
    assert found(names, ["0.png", "1.png"]) == dict(zip(names, ["0.png", None], strict=True))
    assert found(["x/0.png", "y/1.png"], ["0.png", "1.png"]) == {
        "x/0.png": "0.png",
        "y/1.png": "1.png",
    }


def test_what_could_be_several_is_ambiguous():
    assert found(["0.png"], ["a/0.png", "b/0.png"]) == {"0.png": "?"}
    assert found(["0.png"], ["a/0.png", "0.png"]) == {"0.png": "0.png"}
    assert found(["a/0.png", "b/0.png"], ["0.png"]) == {"a/0.png": "?", "b/0.png": "?"}


def test_unicode_form_and_case_fit_where_nothing_else_does():
    assert found([NFC], [NFD]) == {NFC: NFD}
    assert found(["A.png"], ["a.png", "A.png"]) == {"A.png": "A.png"}
    assert found(["A.PNG"], ["a.png", "A.png"]) == {"A.PNG": "?"}


def test_one_image_named_twice_is_found_twice():
    matches = match_names(["0.png", "0.png"], [ROOT / "0.png"], ROOT)
    assert matches.files == {0: ROOT / "0.png", 1: ROOT / "0.png"}


@pytest.mark.parametrize("name", ["", "/", "..", "\\", "http://[", "a/", "%", "://", "\udcff.png"])
def test_odd_names_are_missing(name):
    assert found([name], ["0.png"]) == {name: None}
