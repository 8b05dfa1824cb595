# SPDX-License-Identifier: Apache-2.0
"""Tiny segmentors of mmseg, one of each family that needs no compiled operators."""

from typing import Any

CLASSES = 3
_BN = dict(type="BN")
_LN = dict(type="LN")


def _head(kind: str, channels: Any, **options: Any) -> dict:
    """Build the config of a head with 8 channels."""
    options = dict(channels=8, num_classes=CLASSES, norm_cfg=_BN) | options
    return dict(type=kind, in_channels=channels, **options)


def _fcn(channels: int, index: int, **options: Any) -> dict:
    """Build the config of a head with one convolution on one feature map."""
    return _head("FCNHead", channels, in_index=index, num_convs=1, concat_input=False, **options)


def _resnet(**options: Any) -> dict:
    """Build the config of a ResNet-18 of stride 16."""
    strides = dict(strides=(1, 2, 2, 1), dilations=(1, 1, 1, 2), contract_dilation=True)
    return dict(
        type="ResNetV1c", depth=18, base_channels=4, stem_channels=4, norm_cfg=_BN, **strides
    ) | dict(options)


def _hrnet_stage(channels: tuple[int, ...], block: str = "BASIC") -> dict:
    count = len(channels)
    return dict(
        num_modules=1,
        num_branches=count,
        block=block,
        num_blocks=(1,) * count,
        num_channels=channels,
    )


_PYRAMID = dict(in_channels=[8, 16, 32, 64], in_index=[0, 1, 2, 3])
_VIT = dict(
    type="VisionTransformer",
    img_size=32,
    patch_size=8,
    embed_dims=8,
    num_layers=2,
    num_heads=2,
    out_indices=(0, 1),
    drop_rate=0.1,
    norm_cfg=_LN,
)
_UPER = dict(type="UPerHead", channels=8, pool_scales=(1, 2), num_classes=CLASSES, norm_cfg=_BN)

STUDENTS: dict[str, dict] = {
    "segformer": dict(
        backbone=dict(
            type="MixVisionTransformer",
            embed_dims=8,
            num_layers=[1] * 4,
            num_heads=[1, 2, 4, 8],
            drop_path_rate=0.1,
        ),
        decode_head=dict(
            type="SegformerHead", channels=8, num_classes=CLASSES, norm_cfg=_BN, **_PYRAMID
        ),
    ),
    "swin": dict(
        backbone=dict(
            type="SwinTransformer",
            embed_dims=8,
            depths=(1, 1, 1, 1),
            num_heads=(1, 2, 4, 8),
            window_size=4,
            drop_path_rate=0.3,
        ),
        decode_head=dict(**_UPER, **_PYRAMID),
        auxiliary_head=_fcn(32, 2),
    ),
    "beit": dict(
        backbone=dict(
            type="BEiT",
            img_size=(64, 64),
            patch_size=16,
            embed_dims=8,
            num_layers=4,
            num_heads=2,
            out_indices=(0, 1, 2, 3),
            qv_bias=True,
            drop_path_rate=0.1,
            init_values=0.1,
        ),
        neck=dict(type="Feature2Pyramid", embed_dim=8, rescales=[4, 2, 1, 0.5], norm_cfg=_BN),
        decode_head=dict(**_UPER, in_channels=[8] * 4, in_index=[0, 1, 2, 3]),
        test_cfg=dict(mode="slide", crop_size=64, stride=48),
    ),
    "twins": dict(
        backbone=dict(
            type="PCPVT",
            embed_dims=[8, 16, 32, 64],
            num_heads=[1, 2, 4, 8],
            strides=[4, 2, 2, 2],
            patch_sizes=[4, 2, 2, 2],
            mlp_ratios=[1] * 4,
            depths=[1] * 4,
            sr_ratios=[8, 4, 2, 1],
            out_indices=(0, 1, 2, 3),
            norm_after_stage=False,
            drop_path_rate=0.2,
        ),
        neck=dict(type="FPN", in_channels=[8, 16, 32, 64], out_channels=8, num_outs=4),
        decode_head=_head(
            "FPNHead", [8] * 4, in_index=[0, 1, 2, 3], feature_strides=[4, 8, 16, 32]
        ),
    ),
    "setr": dict(
        backbone=_VIT,
        decode_head=_head(
            "SETRUPHead", 8, in_index=1, num_convs=2, up_scale=2, kernel_size=3, dropout_ratio=0
        ),
        auxiliary_head=[_head("SETRUPHead", 8, in_index=0, num_convs=1, up_scale=4)],
    ),
    "dpt": dict(
        backbone=_VIT | dict(num_layers=4, out_indices=(0, 1, 2, 3), output_cls_token=True),
        decode_head=_head(
            "DPTHead",
            (8,) * 4,
            embed_dims=8,
            patch_size=8,
            post_process_channels=[4, 8, 8, 8],
            readout_type="project",
            input_transform="multiple_select",
            in_index=(0, 1, 2, 3),
        ),
    ),
    "segmenter": dict(
        backbone=_VIT | dict(out_indices=(1,), final_norm=True),
        decode_head=dict(
            type="SegmenterMaskTransformerHead",
            in_channels=8,
            channels=8,
            num_classes=CLASSES,
            num_layers=1,
            num_heads=2,
            embed_dims=8,
            dropout_ratio=0.0,
        ),
    ),
    "segnext": dict(
        backbone=dict(
            type="MSCAN",
            embed_dims=[8, 16, 32, 64],
            mlp_ratios=[1] * 4,
            depths=[1] * 4,
            norm_cfg=_BN,
        ),
        decode_head=_head(
            "LightHamHead",
            [16, 32, 64],
            in_index=[1, 2, 3],
            ham_channels=8,
            ham_kwargs=dict(MD_R=4),
            norm_cfg=dict(type="GN", num_groups=2),
        ),
    ),
    "unet": dict(
        backbone=dict(
            type="UNet",
            base_channels=4,
            num_stages=3,
            strides=(1,) * 3,
            enc_num_convs=(1,) * 3,
            dec_num_convs=(1,) * 2,
            downsamples=(True,) * 2,
            enc_dilations=(1,) * 3,
            dec_dilations=(1,) * 2,
        ),
        decode_head=_fcn(4, 2),
        auxiliary_head=_fcn(8, 1),
        test_cfg=dict(mode="slide", crop_size=64, stride=42),
    ),
    "hrnet": dict(
        backbone=dict(
            type="HRNet",
            norm_cfg=_BN,
            extra=dict(
                stage1=_hrnet_stage((4,), "BOTTLENECK"),
                stage2=_hrnet_stage((4, 8)),
                stage3=_hrnet_stage((4, 8, 8)),
                stage4=_hrnet_stage((4, 8, 8, 8)),
            ),
        ),
        decode_head=_head(
            "FCNHead",
            [4, 8, 8, 8],
            in_index=(0, 1, 2, 3),
            input_transform="resize_concat",
            kernel_size=1,
            num_convs=1,
            concat_input=False,
            dropout_ratio=-1,
        ),
    ),
    "mobilenet_v2": dict(
        backbone=dict(type="MobileNetV2", widen_factor=0.1, strides=(1, 2, 2, 1, 1, 1, 1)),
        decode_head=_head("ASPPHead", 32, in_index=-1, dilations=(1, 2), align_corners=True),
    ),
    "mobilenet_v3": dict(
        backbone=dict(type="MobileNetV3", arch="small", out_indices=(0, 1, 12)),
        decode_head=_fcn(576, -1),
    ),
    "stdc": dict(
        backbone=dict(
            type="STDCContextPathNet",
            backbone_cfg=dict(
                type="STDCNet",
                stdc_type="STDCNet1",
                in_channels=3,
                channels=(8, 8, 16, 16, 32),
                bottleneck_type="cat",
                norm_cfg=_BN,
                act_cfg=dict(type="ReLU"),
            ),
            last_in_channels=(32, 16),
            out_channels=8,
            ffm_cfg=dict(in_channels=24, out_channels=16, scale_factor=4),
        ),
        decode_head=_fcn(
            16,
            3,
            align_corners=True,
            sampler=dict(type="OHEMPixelSampler", thresh=0.7, min_kept=100),
        ),
        auxiliary_head=[
            _fcn(8, 2),
            _head(
                "STDCHead",
                16,
                num_convs=1,
                num_classes=2,
                in_index=0,
                concat_input=False,
                align_corners=True,
                loss_decode=[
                    dict(type="CrossEntropyLoss", use_sigmoid=True),
                    dict(type="DiceLoss"),
                ],
            ),
        ],
    ),
    "bisenet_v1": dict(
        backbone=dict(
            type="BiSeNetV1",
            context_channels=(8, 16, 32),
            spatial_channels=(8, 8, 8, 8),
            out_channels=16,
            backbone_cfg=_resnet(
                type="ResNet",
                out_indices=(0, 1, 2, 3),
                strides=(1, 2, 2, 2),
                dilations=(1,) * 4,
            ),
        ),
        decode_head=_fcn(16, 0),
        auxiliary_head=[_fcn(8, 1), _fcn(8, 2)],
    ),
    "bisenet_v2": dict(
        backbone=dict(
            type="BiSeNetV2",
            detail_channels=(8, 8, 8),
            semantic_channels=(4, 4, 8, 8),
            semantic_expansion_ratio=2,
            bga_channels=8,
        ),
        decode_head=_fcn(8, 0),
        auxiliary_head=[_fcn(4, 1), _fcn(4, 2)],
    ),
    "fast_scnn": dict(
        backbone=dict(
            type="FastSCNN",
            downsample_dw_channels=(8, 8),
            global_in_channels=8,
            global_block_channels=(8, 8, 8),
            global_out_channels=8,
            higher_in_channels=8,
            lower_in_channels=8,
            fusion_out_channels=8,
            norm_cfg=_BN,
        ),
        decode_head=_head(
            "DepthwiseSeparableFCNHead",
            8,
            in_index=-1,
            concat_input=False,
            loss_decode=dict(type="CrossEntropyLoss", use_sigmoid=True),
        ),
        auxiliary_head=[_fcn(8, -2)],
    ),
    "erfnet": dict(
        backbone=dict(
            type="ERFNet",
            enc_downsample_channels=(4, 8, 16),
            enc_stage_non_bottlenecks=(1, 1),
            enc_non_bottleneck_dilations=(2,),
            enc_non_bottleneck_channels=(8, 16),
            dec_upsample_channels=(8, 4),
            dec_stages_non_bottleneck=(1, 1),
            dec_non_bottleneck_channels=(8, 4),
        ),
        decode_head=_fcn(4, -1),
    ),
    "pspnet": dict(
        backbone=_resnet(norm_cfg=dict(type="SyncBN")),
        decode_head=_head(
            "PSPHead",
            32,
            pool_scales=(1, 2),
            loss_decode=[
                dict(type="CrossEntropyLoss", class_weight=[1.0, 2.0, 1.0]),
                dict(type="LovaszLoss", per_image=True),
            ],
        ),
        auxiliary_head=_fcn(16, 2),
    ),
    "deeplabv3plus": dict(
        backbone=_resnet(),
        decode_head=_head(
            "DepthwiseSeparableASPPHead", 32, c1_in_channels=4, c1_channels=4, dilations=(1, 2)
        ),
    ),
}
"""Configs by name of the family, all for images of 64 px."""


def family(name: str) -> dict:
    """Return the config of a student, one of :data:`STUDENTS`."""
    return dict(type="EncoderDecoder", **STUDENTS[name])
