# SPDX-License-Identifier: Apache-2.0
"""WRN-10-2 for images of 32 px, embeddings of 128 numbers: 0.3 M parameters, for a CPU."""

_base_ = "./wrn10_2.py"

model = dict(
    student=dict(
        decode_head=dict(_delete_=True, type="EmbeddingHead", in_channels=128, channels=128)
    )
)
