# SPDX-License-Identifier: Apache-2.0
"""Data sets, split lists, transforms and samplers."""

from rankseg.datasets import transforms
from rankseg.datasets.ade20k import ADE20KDataset
from rankseg.datasets.arrays import ArrayDataset
from rankseg.datasets.base import ListDataset, make_palette
from rankseg.datasets.cars import CarsDataset
from rankseg.datasets.checks import check_data, check_headers, check_images, check_masks
from rankseg.datasets.cifar import CIFAR10Dataset, CIFAR100Dataset
from rankseg.datasets.cityscapes import CityscapesDataset
from rankseg.datasets.class_folder import ClassFolderDataset
from rankseg.datasets.class_list import ClassListDataset
from rankseg.datasets.class_names import read_classes
from rankseg.datasets.coco import COCODataset
from rankseg.datasets.cub import CUBDataset
from rankseg.datasets.image_level import ImageLevelDataset
from rankseg.datasets.indexed import IndexedDataset
from rankseg.datasets.inshop import InShopDataset
from rankseg.datasets.samplers import classes as class_sampler
from rankseg.datasets.samplers import collate
from rankseg.datasets.samplers import labeled_unlabeled as samplers
from rankseg.datasets.segmentation import FolderDataset, SegListDataset
from rankseg.datasets.semi import SemiDataset
from rankseg.datasets.sop import SOPDataset
from rankseg.datasets.split_drawing import class_table, count_pixels, make_split
from rankseg.datasets.splits.split_files import collect_lists, pair_folders, write_lists
from rankseg.datasets.splits.splits import check_split, read_list
from rankseg.datasets.svhn import SVHNDataset
from rankseg.datasets.voc import VOCDataset
from rankseg.imageio.masks import read_mask

__all__ = [
    "ADE20KDataset",
    "ArrayDataset",
    "CIFAR100Dataset",
    "CIFAR10Dataset",
    "CUBDataset",
    "CarsDataset",
    "CityscapesDataset",
    "COCODataset",
    "ClassFolderDataset",
    "ClassListDataset",
    "FolderDataset",
    "ImageLevelDataset",
    "InShopDataset",
    "IndexedDataset",
    "ListDataset",
    "SOPDataset",
    "SVHNDataset",
    "SegListDataset",
    "SemiDataset",
    "VOCDataset",
    "check_data",
    "check_headers",
    "check_images",
    "check_masks",
    "check_split",
    "class_sampler",
    "class_table",
    "collate",
    "collect_lists",
    "count_pixels",
    "make_palette",
    "make_split",
    "pair_folders",
    "read_classes",
    "read_list",
    "read_mask",
    "samplers",
    "transforms",
    "write_lists",
]
