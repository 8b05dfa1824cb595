#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Train in several processes on one machine, one per GPU, or on the CPU where there is none:
#   tools/dist_train.sh CONFIG NUMBER_OF_PROCESSES [options of tools/train.py]
# A free port is found. On several machines set NNODES, NODE_RANK, MASTER_ADDR and MASTER_PORT.
set -euo pipefail
if [ $# -lt 2 ]; then
    echo "usage: tools/dist_train.sh CONFIG NUMBER_OF_PROCESSES [options of tools/train.py]" >&2
    exit 2
fi
config=$1 processes=$2
shift 2
where=(--standalone)
if [ "${NNODES:-1}" != 1 ] || [ -n "${MASTER_PORT:-}" ]; then
    port=${MASTER_PORT:-29500}
    if [ "${NODE_RANK:-0}" = 0 ] && (: <"/dev/tcp/127.0.0.1/$port") 2>/dev/null; then
        echo "error: port $port is in use, perhaps by another training: set MASTER_PORT to" \
            "another one, or on one machine leave it out, and a free one is found" >&2
        exit 2
    fi
    where=(--nnodes="${NNODES:-1}" --node-rank="${NODE_RANK:-0}"
        --master-addr="${MASTER_ADDR:-127.0.0.1}" --master-port="$port")
fi
exec torchrun "${where[@]}" --nproc-per-node="$processes" \
    "$(dirname "$0")/train.py" "$config" --launcher pytorch "$@"
