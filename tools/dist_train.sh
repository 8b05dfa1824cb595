#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Train on several GPUs of one machine:
#   tools/dist_train.sh CONFIG NUMBER_OF_GPUS [options of tools/train.py]
# On several machines set NNODES, NODE_RANK, MASTER_ADDR and, if 29500 is taken, MASTER_PORT.
set -euo pipefail
if [ $# -lt 2 ]; then
    echo "usage: tools/dist_train.sh CONFIG NUMBER_OF_GPUS [options of tools/train.py]" >&2
    exit 2
fi
config=$1 gpus=$2
shift 2
exec torchrun --nnodes="${NNODES:-1}" --node-rank="${NODE_RANK:-0}" \
    --master-addr="${MASTER_ADDR:-127.0.0.1}" --master-port="${MASTER_PORT:-29500}" \
    --nproc-per-node="$gpus" "$(dirname "$0")/train.py" "$config" --launcher pytorch "$@"
