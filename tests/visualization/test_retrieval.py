# SPDX-License-Identifier: Apache-2.0
import numpy as np
import pytest

from rankseg.visualization.retrieval import (
    PLAIN,
    QUERY,
    RIGHT,
    WRONG,
    QueryResult,
    RetrievedImage,
    cut,
    draw_retrieval,
    font,
)


def picture(shade: int, height: int = 20, width: int = 30) -> np.ndarray:
    return np.full((height, width, 3), shade, np.uint8)


def search(*rights: bool | None, name: str = "", **others) -> QueryResult:
    found = [RetrievedImage(picture(10 * i), "cat", 0.5, right) for i, right in enumerate(rights)]
    return QueryResult(picture(90), "dog", {name: found, **others})


def count(page: np.ndarray, color: tuple[int, int, int]) -> int:
    return int((page == np.array(color, np.uint8)).all(2).sum())


def test_frames_tell_what_is_right():
    page = draw_retrieval([search(True, False, None)], cell=60)
    thick = (60 + 8) * (40 + 8) - 60 * 40  # an image of 20 x 30 becomes 40 x 60
    thin = (60 + 4) * (40 + 4) - 60 * 40
    assert count(page, QUERY) == thick and count(page, RIGHT) == thin
    assert thin <= count(page, PLAIN) < thin + 9  # letters have all shades of gray
    assert thick < count(page, WRONG) < 1.2 * thick  # the name of its class is red as well
    assert count(draw_retrieval([search(True, True)]), WRONG) == 0


def test_a_row_for_every_network_beside_its_query():
    one = draw_retrieval([search(True, False, name="a")] * 2)
    found = [RetrievedImage(picture(0), "cat", 0.5, False)] * 3
    two = draw_retrieval([search(True, False, name="a", b=found)] * 2)
    assert len(two) > 1.6 * len(one) and two.shape[1] > one.shape[1]
    assert 2.9 < count(two, WRONG) / count(one, WRONG) / 4 * 3 < 3.1  # 8 wrong ones against 2
    assert count(two, QUERY) == count(one, QUERY)


def test_names_and_similarities():
    named = search(True, name="network")
    bare = QueryResult(named.image, "", {"": [named.found["network"][0]._replace(name="")]})
    assert draw_retrieval([named]).shape[1] > draw_retrieval([bare]).shape[1]
    assert (draw_retrieval([bare]) < 128).any() and len(draw_retrieval([bare], "title")) > len(
        draw_retrieval([bare])
    )


def test_an_image_of_no_known_class_has_the_name_of_its_file():
    known = RetrievedImage(picture(0), "cat", 0.5, True, "photos/a.jpg")
    unknown = known._replace(name="", right=None)
    assert known.lines() == ["cat"] and unknown.lines() == ["a", "0.50"]
    assert unknown._replace(file="").lines() == ["0.50"]
    one, two = (
        draw_retrieval([QueryResult(picture(90), "q", {"": [n]})]) for n in (known, unknown)
    )
    assert len(two) > len(one)
    other = draw_retrieval(
        [QueryResult(picture(90), "q", {"": [unknown._replace(file="x/b.jpg")]})]
    )
    assert other.shape == two.shape and (other != two).any()


def test_long_names_keep_both_ends():
    assert cut("cat", 100, 11) == "cat" and cut("cat", 1, 11) == ""
    short = cut("Sanskrit_character_42", 80, 11)
    assert short.startswith("San") and short.endswith("42") and "…" in short
    assert font(11).getlength(short) <= 80 < font(11).getlength("Sanskrit_character_42")


def test_no_query():
    with pytest.raises(ValueError, match="no query to draw"):
        draw_retrieval([])
