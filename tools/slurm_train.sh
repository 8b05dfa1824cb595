#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Train on a Slurm cluster, one process per GPU, on one or several machines:
#   tools/slurm_train.sh PARTITION JOB_NAME CONFIG [options of tools/train.py]
# Environment variables: GPUS (default 8), GPUS_PER_NODE (default 8, at most GPUS), CPUS_PER_TASK
# (default 5), SRUN_ARGS (further options of srun). PARTITION "" uses that of the cluster.
set -euo pipefail
if [ $# -lt 3 ]; then
    echo "usage: tools/slurm_train.sh PARTITION JOB_NAME CONFIG [options of tools/train.py]" >&2
    exit 2
fi
partition=$1 name=$2 config=$3
shift 3
gpus=${GPUS:-8}
per_node=${GPUS_PER_NODE:-8}
[ "$per_node" -le "$gpus" ] || per_node=$gpus
if [ $((gpus % per_node)) != 0 ]; then
    echo "error: expected GPUS=$gpus to be a multiple of GPUS_PER_NODE=$per_node" >&2
    exit 2
fi
where=(--job-name="$name" --nodes=$((gpus / per_node)) --ntasks="$gpus"
    --ntasks-per-node="$per_node" --gres=gpu:"$per_node" --cpus-per-task="${CPUS_PER_TASK:-5}"
    --kill-on-bad-exit=1)
[ -z "$partition" ] || where+=(--partition="$partition")
read -ra more <<<"${SRUN_ARGS:-}"
exec srun "${where[@]}" ${more[@]+"${more[@]}"} \
    python -u "$(dirname "$0")/train.py" "$config" --launcher slurm "$@"
