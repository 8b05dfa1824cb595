# SPDX-License-Identifier: Apache-2.0
"""ResNet-50 with the projection head of CMSF, an MLP of two layers."""

_base_ = "./resnet50.py"

model = dict(
    student=dict(
        decode_head=dict(
            branches=dict(
                projection=dict(
                    type="Projector",
                    hidden_channels=4096,
                    out_channels=512,
                    norm=True,
                    normalize=False,
                )
            )
        )
    )
)
