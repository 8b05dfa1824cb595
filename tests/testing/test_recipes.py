# SPDX-License-Identifier: Apache-2.0
import pytest

from rankseg.testing.config_files import FOLDER
from rankseg.testing.recipes import FROZEN, MAIN, RECIPES_OF, SETS, TITLES, list_jobs


def test_recipes_name_configs_and_recipes_that_exist():
    for image_set in SETS.values():
        known = RECIPES_OF[image_set.kind]
        assert set(MAIN[image_set.kind]) <= set(known)
        for recipe in known.values():
            assert recipe.first is None or recipe.first in known
            assert bool(recipe.frozen) == (recipe.method == FROZEN)
            if not recipe.frozen:
                file = FOLDER / recipe.method / f"{image_set.config}{recipe.suffix}.py"
                assert file.is_file()
    assert len(set(TITLES.values())) == len(TITLES), "rows of a table must differ"


def test_jobs_come_after_those_they_need_and_seeds_one_by_one():
    jobs = list_jobs(["nuclei", "peanut"], ["rank_0", "supervised"], [3, 4])
    first = [
        f"{one}/{recipe}/3"
        for one in ("nuclei", "peanut")
        for recipe in ("supervised_quarter", "rank_0", "supervised")
    ]
    assert jobs == first + [job[:-1] + "4" for job in first]


def test_every_set_has_the_recipes_of_its_kind():
    jobs = list_jobs(["cifar10_mini", "nuclei"], ["frozen_linear", "rankmatch", "fixmatch"], [0])
    expected = ["cifar10_mini/frozen_linear/0", "cifar10_mini/fixmatch/0"]
    assert jobs == [*expected, "nuclei/rankmatch/0", "nuclei/fixmatch/0"]
    main = list_jobs(["omniglot_mini"], None, [1])
    assert main == [f"omniglot_mini/{recipe}/1" for recipe in MAIN["embeddings"]]


def test_recipe_of_another_kind_than_all_sets_is_refused():
    with pytest.raises(ValueError, match="cifar10_mini.* one of .*frozen_knn.* got rankmatch"):
        list_jobs(["cifar10_mini"], ["fixmatch", "rankmatch"], [0])


@pytest.mark.parametrize(("sets", "recipes"), [(["cats"], ["supervised"]), (["nuclei"], ["best"])])
def test_unknown_names_are_refused(sets, recipes):
    wrong = "cats" if sets == ["cats"] else "best"
    with pytest.raises(ValueError, match=f"one of .*supervised|nuclei.* got {wrong}"):
        list_jobs(sets, recipes, [0])
