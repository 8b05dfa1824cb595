# SPDX-License-Identifier: Apache-2.0
import pytest

from rankseg.testing.config_files import FOLDER
from rankseg.testing.recipes import RECIPES, SETS, TITLES, list_jobs


def test_recipes_name_configs_and_recipes_that_exist():
    for recipe in RECIPES.values():
        assert recipe.first is None or recipe.first in RECIPES
        for image_set in SETS.values():
            assert (FOLDER / recipe.method / f"{image_set.config}{recipe.suffix}.py").is_file()
    assert len(set(TITLES.values())) == len(TITLES), "rows of a table must differ"


def test_jobs_come_after_those_they_need_and_seeds_one_by_one():
    jobs = list_jobs(["nuclei", "peanut"], ["rank_0_balanced", "supervised"], [3, 4])
    first = [
        f"{one}/{recipe}/3"
        for one in ("nuclei", "peanut")
        for recipe in ("supervised_balanced_half", "rank_0_balanced", "supervised")
    ]
    assert jobs == first + [job[:-1] + "4" for job in first]


@pytest.mark.parametrize(("sets", "recipes"), [(["cats"], ["supervised"]), (["nuclei"], ["best"])])
def test_unknown_names_are_refused(sets, recipes):
    wrong = "cats" if sets == ["cats"] else "best"
    with pytest.raises(ValueError, match=f"one of .*supervised|nuclei.* got {wrong}"):
        list_jobs(sets, recipes, [0])
