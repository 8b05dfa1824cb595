# SPDX-License-Identifier: Apache-2.0
"""Sets for retrieval, each in a folder that is laid out as its authors do."""

import numpy as np
import pytest
from PIL import Image
from scipy.io import savemat

from rankseg.datasets import CarsDataset, CUBDataset, InShopDataset, SOPDataset

CUB = {
    "images.txt": "1 001.Albatross/A_1.jpg\n2 001.Albatross/A_2.jpg\n3 100.Pelican/P_1.jpg\n"
    "4 101.White_Pelican/W_1.jpg\n5 200.Yellowthroat/Y_1.jpg\n",
    "image_class_labels.txt": "1 1\n2 1\n3 100\n4 101\n5 200\n",
    "classes.txt": "1 001.Albatross\n100 100.Pelican\n101 101.White_Pelican\n"
    "200 200.Yellowthroat\n",
}
SOP = {
    "Ebay_train.txt": "image_id class_id super_class_id path\n1 1 1 bicycle_final/11_0.JPG\n"
    "2 1 1 bicycle_final/11_1.JPG\n3 11318 12 toaster_final/9_0.JPG\n",
    "Ebay_test.txt": "image_id class_id super_class_id path\n59552 11319 3 chair_final/7_0.JPG\n",
}
INSHOP = {
    "list_eval_partition.txt": "5\nimage_name item_id evaluation_status\n"
    "img/WOMEN/Tees/id_00000001/01_1_front.jpg        id_00000001 train\n"
    "img/WOMEN/Tees/id_00000002/02_1_front.jpg        id_00000002 query\n"
    "img/WOMEN/Tees/id_00000002/02_3_back.jpg         id_00000002 gallery\n"
    "img/MEN/Denim/id_00000003/01_1_front.jpg         id_00000003 gallery\n"
    "img/MEN/Denim/id_00000003/01_2_side.jpg          id_00000003 query\n"
}
NAMES = ["Hummer SUV 2000"] + [f"Model {k}" for k in range(2, 196)] + ["Ram C/V Van 2012"]


def write(root, texts: dict, images: list[str]):
    for name, text in texts.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)
    for name in images:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (6, 5)).save(root / name)
    return root


def cub(root):
    names = [line.split()[1] for line in CUB["images.txt"].splitlines()]
    return write(root, CUB, [f"images/{name}" for name in names])


def sop(root):
    rows = [line for text in SOP.values() for line in text.splitlines()[1:]]
    return write(root, SOP, [row.split()[3] for row in rows])


def inshop(root, index="", images=""):
    names = [row.split()[0] for row in INSHOP["list_eval_partition.txt"].splitlines()[2:]]
    texts = {f"{index}{name}": text for name, text in INSHOP.items()}
    return write(root, texts, [f"{images}{name}" for name in names])


def structs(field: str, rows: list[tuple[str, int]]) -> np.ndarray:
    kind = [("bbox_x1", object), ("class", object), (field, object)]
    return np.array([(3, k, name) for name, k in rows], dtype=kind)


def cars(root):
    rows = [("car_ims/000001.jpg", 196), ("car_ims/000002.jpg", 1), ("car_ims/000003.jpg", 98)]
    savemat(
        root / "cars_annos.mat",
        {
            "annotations": structs("relative_im_path", rows),
            "class_names": np.array(NAMES, dtype=object),
        },
    )
    return write(root, {}, [name for name, _ in rows])


def cars_devkit(root, labels="devkit/"):
    (root / "devkit").mkdir()
    savemat(root / "devkit/cars_meta.mat", {"class_names": np.array(NAMES, dtype=object)})
    train = structs("fname", [("00001.jpg", 98), ("00002.jpg", 196)])
    savemat(root / "devkit/cars_train_annos.mat", {"annotations": train})
    test = structs("fname", [("00001.jpg", 1)])
    savemat(root / f"{labels}cars_test_annos_withlabels.mat", {"annotations": test})
    return write(root, {}, [f"cars_{x}.jpg" for x in ("train/00001", "train/00002", "test/00001")])


def names_of(dataset, root) -> list[str]:
    paths = [dataset.get_data_info(i)["img_path"] for i in range(len(dataset))]
    return [path.removeprefix(f"{root}/") for path in paths]


def test_cub_is_parted_after_class_100(tmp_path):
    root = cub(tmp_path)
    train = CUBDataset(data_root=root, check_counts=False)
    assert train.classes == ("001.Albatross", "100.Pelican")
    assert train.class_ids().tolist() == [0, 0, 1]
    assert names_of(train, root)[2] == "images/100.Pelican/P_1.jpg"
    test = CUBDataset(data_root=root, part="test", check_counts=False)
    assert test.classes == ("101.White_Pelican", "200.Yellowthroat")
    assert test.class_ids().tolist() == [0, 1]


@pytest.mark.parametrize("labels", [None, "devkit/", ""])
def test_cars_are_parted_after_class_98_in_both_forms(tmp_path, labels):
    root = cars(tmp_path) if labels is None else cars_devkit(tmp_path, labels)
    train = CarsDataset(data_root=root, check_counts=False)
    assert train.classes == ("Hummer SUV 2000", "Model 98")
    files = ["car_ims/000002.jpg", "car_ims/000003.jpg"]
    assert names_of(train, root) == (
        files if labels is None else ["cars_test/00001.jpg", "cars_train/00001.jpg"]
    )
    test = CarsDataset(data_root=root, part="test", check_counts=False)
    assert test.classes == ("Ram C/V Van 2012",) and len(test) == 1


def test_sop_has_a_file_for_each_part(tmp_path):
    root = sop(tmp_path)
    train = SOPDataset(data_root=root, check_counts=False)
    assert train.classes == ("bicycle_1", "toaster_11318")
    assert train.class_ids().tolist() == [0, 0, 1]
    test = SOPDataset(data_root=root, part="test", check_counts=False)
    assert test.classes == ("chair_11319",)
    assert names_of(test, root) == ["chair_final/7_0.JPG"]


@pytest.mark.parametrize(("index", "images"), [("", ""), ("Eval/", "Img/"), ("Anno/", "")])
def test_in_shop_has_queries_and_a_gallery(tmp_path, index, images):
    root = inshop(tmp_path, index, images)
    train = InShopDataset(data_root=root, check_counts=False)
    assert names_of(train, root) == [f"{images}img/WOMEN/Tees/id_00000001/01_1_front.jpg"]
    assert train.classes == ("id_00000001",) and "role" not in train.get_data_info(0)
    test = InShopDataset(data_root=root, part="test", check_counts=False)
    roles = [test.get_data_info(i)["role"] for i in range(len(test))]
    assert roles == ["query", "gallery", "gallery", "query"]
    assert test.class_ids().tolist() == [0, 0, 1, 1]
    query = InShopDataset(data_root=root, part="query", check_counts=False)
    assert len(query) == 2 and query.classes == test.classes


def test_a_sample_takes_its_role_along(tmp_path):
    pipeline = [dict(type="LoadImage"), dict(type="PackEval")]
    test = InShopDataset(
        data_root=inshop(tmp_path), part="test", check_counts=False, pipeline=pipeline
    )
    assert [test[i]["data_samples"].role for i in range(2)] == ["query", "gallery"]


@pytest.mark.parametrize(("kind", "make", "counts"), [
    (CUBDataset, cub, {"train": (5864, 100), "test": (5924, 100)}),
    (CarsDataset, cars, {"train": (8054, 98), "test": (8131, 98)}),
    (SOPDataset, sop, {"train": (59551, 11318), "test": (60502, 11316)}),
    (InShopDataset, inshop, {"train": (25882, 3997), "query": (14218, 3985),
                             "gallery": (12612, 3985), "test": (26830, 3985)}),
])  # fmt: skip
def test_counts_are_the_published_ones(tmp_path, kind, make, counts):
    root = make(tmp_path)
    assert counts == kind.PUBLISHED and kind.INDEX
    for part, (images, classes) in counts.items():
        match = rf"published {images:,} images of {classes:,} classes, but got \d of \d\. Download"
        with pytest.raises(ValueError, match=match):
            kind(data_root=root, part=part)


def test_a_list_takes_some_images_of_the_part(tmp_path):
    root = cub(tmp_path)
    (root / "some.txt").write_text("images/100.Pelican/P_1.jpg\n")
    train = CUBDataset(data_root=root, ann_file="some.txt", check_counts=False)
    assert train.class_ids().tolist() == [1]
    with pytest.raises(ValueError, match=r"images of part 'test' of CUB.*got images/100.Pelican"):
        CUBDataset(data_root=root, ann_file="some.txt", part="test", check_counts=False)


def test_raises_on_unknown_part(tmp_path):
    with pytest.raises(
        ValueError, match=r"part of SOPDataset to be one of \['test', .* but got 'val'"
    ):
        SOPDataset(data_root=tmp_path, part="val")


@pytest.mark.parametrize(("name", "text", "match"), [
    ("classes.txt", "1 001.Albatross\n", r"to be the index of CUB.* failed \(KeyError: '100'\)"),
    ("images.txt", "1 a.jpg\n2 b c.jpg\n", "to have lines of 2 words, but got '2 b c.jpg'"),
    ("images.txt", "1 a.jpg\n2 a.jpg\n", "name every image once, but got images/a.jpg twice"),
    ("image_class_labels.txt", "1 one\n", "to be the index of CUB-200-2011, .* Download the index"),
    ("images.txt", "4 101.White_Pelican/W_1.jpg\n", "part 'train' of CUB.* but got none"),
])  # fmt: skip
def test_damaged_index(tmp_path, name, text, match):
    (cub(tmp_path) / name).write_text(text)
    with pytest.raises(ValueError, match=match):
        CUBDataset(data_root=tmp_path, check_counts=False)


def test_damaged_mat(tmp_path):
    (cars(tmp_path) / "cars_annos.mat").write_bytes(b"MATLAB 5.0")
    with pytest.raises(ValueError, match=r"cars_annos\.mat to be the index of Cars-196"):
        CarsDataset(data_root=tmp_path)


def test_missing_image(tmp_path):
    (cub(tmp_path) / "images/001.Albatross/A_2.jpg").unlink()
    with pytest.raises(FileNotFoundError, match=r"A_2\.jpg does not exist \(1 of the 3 images"):
        CUBDataset(data_root=tmp_path, check_counts=False)


def test_changed_index_is_read_again(tmp_path):
    root = sop(tmp_path)
    assert len(SOPDataset(data_root=root, check_counts=False)) == 3
    (root / "Ebay_train.txt").write_text("\n".join(SOP["Ebay_train.txt"].splitlines()[:-1]))
    assert len(SOPDataset(data_root=root, check_counts=False)) == 2
