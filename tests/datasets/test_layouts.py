# SPDX-License-Identifier: Apache-2.0
import pytest

from rankseg.datasets import CarsDataset, ClassFolderDataset, CUBDataset, SOPDataset
from rankseg.datasets.base import hint, recognize, registered

KINDS = [kind for kind in registered() if kind.INDEX]
FORMS = [(kind, form) for kind in KINDS for form in range(len(kind.INDEX))]


def lay(root, kind: type, form: int = 0):
    for name in kind.INDEX[form]:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text("")
    return root


@pytest.mark.parametrize(("kind", "form"), FORMS)
def test_every_form_of_every_set_is_recognized_by_its_index(tmp_path, kind, form):
    root = lay(tmp_path, kind, form)
    assert recognize(root) is kind
    assert len(kind.find_index(root)) == len(kind.INDEX[form])
    for name in kind.INDEX[form]:
        (root / name).unlink()
        assert recognize(root) is None and hint(root) == ""
        (root / name).write_text("")


@pytest.mark.parametrize("kind", KINDS)
def test_hint_names_the_published_set(tmp_path, kind):
    found = hint(lay(tmp_path, kind))
    option = found.split("--dataset ")[1].split()[0]
    assert f"type='{kind.__name__}'" in found and kind.TITLE in found
    assert option == kind.SHORT_NAME


def test_the_folder_above_and_the_folder_of_another_set(tmp_path):
    lay(tmp_path / "CUB_200_2011", CUBDataset)
    with pytest.raises(
        FileNotFoundError, match=r"images\.txt, image_class_labels\.txt and classes\.txt, .*CUB_200"
    ):
        CUBDataset(data_root=tmp_path)
    with pytest.raises(
        FileNotFoundError, match=r"to hold Stanford .* has the layout of CUB-200-2011"
    ):
        SOPDataset(data_root=tmp_path / "CUB_200_2011")


def test_class_folders_that_are_a_published_set(tmp_path):
    (tmp_path / "car_ims").mkdir()
    lay(tmp_path, CarsDataset)
    with pytest.raises(FileNotFoundError, match=r"train .* does not exist.* type='CarsDataset'"):
        ClassFolderDataset(data_root=tmp_path)


def test_the_numbered_classes_of_cub_are_no_class_names(tmp_path):
    lay(tmp_path, CUBDataset)
    (tmp_path / "classes.txt").write_text("1 001.Albatross\n")
    with pytest.raises(
        ValueError,
        match=r"Expected class names in .*classes\.txt, but got an index.* type='CUBDataset'",
    ):
        ClassFolderDataset(data_root=tmp_path, folder="images")
