# SPDX-License-Identifier: Apache-2.0
"""WRN-10-2 with the projection head of CMSF, an MLP of two layers."""

_base_ = "./wrn10_2.py"

model = dict(
    student=dict(
        decode_head=dict(
            branches=dict(
                projection=dict(
                    type="Projector",
                    hidden_channels=256,
                    out_channels=128,
                    norm=True,
                    normalize=False,
                )
            )
        )
    )
)
