# SPDX-License-Identifier: Apache-2.0
import pytest

from rankseg.datasets import ClassFolderDataset, CUBDataset, SOPDataset
from rankseg.datasets.layouts import LAYOUTS, find_index, hint, recognise
from rankseg.registry import DATASETS


def lay(root, kind: str, form: int = 0):
    for name in LAYOUTS[kind].indices[form]:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text("")
    return root


FORMS = [(kind, form) for kind in LAYOUTS for form in range(len(LAYOUTS[kind].indices))]


@pytest.mark.parametrize(("kind", "form"), FORMS)
def test_every_form_of_every_set_is_recognised_by_its_index(tmp_path, kind, form):
    root = lay(tmp_path, kind, form)
    assert recognise(root) == kind
    assert len(find_index(root, kind)) == len(LAYOUTS[kind].indices[form])
    for name in LAYOUTS[kind].indices[form]:
        (root / name).unlink()
        assert recognise(root) is None and hint(root) == ""
        (root / name).write_text("")


@pytest.mark.parametrize("kind", LAYOUTS)
def test_a_hint_names_what_there_is(tmp_path, kind):
    found = hint(lay(tmp_path, kind))
    option = found.split("--dataset ")[1].split()[0]
    assert f"type='{kind}'" in found and LAYOUTS[kind].title in found
    assert option == DATASETS.get(kind).LABELS


def test_the_folder_above_and_the_folder_of_another_set(tmp_path):
    lay(tmp_path / "CUB_200_2011", "CUBDataset")
    with pytest.raises(
        FileNotFoundError, match=r"images\.txt, image_class_labels\.txt and classes\.txt; .*CUB_200"
    ):
        CUBDataset(data_root=tmp_path)
    with pytest.raises(FileNotFoundError, match=r"not hold Stanford .* laid out as CUB-200-2011"):
        SOPDataset(data_root=tmp_path / "CUB_200_2011")


def test_class_folders_that_are_a_published_set(tmp_path):
    (tmp_path / "car_ims").mkdir()
    lay(tmp_path, "CarsDataset")
    with pytest.raises(FileNotFoundError, match=r"train does not exist: .* type='CarsDataset'"):
        ClassFolderDataset(data_root=tmp_path)


def test_the_numbered_classes_of_cub_are_no_class_names(tmp_path):
    lay(tmp_path, "CUBDataset")
    (tmp_path / "classes.txt").write_text("1 001.Albatross\n")
    with pytest.raises(ValueError, match=r"type='CUBDataset' .* in its classes\.txt are numbered"):
        ClassFolderDataset(data_root=tmp_path, folder="images")
