#!/usr/bin/env bash
# sbatch examples/cluster/slurm.sh larger -S lr=3e-3
# or eight at once, each with a value of its own: sbatch --array=1-8 examples/cluster/slurm.sh wide
#SBATCH --job-name=graft
#SBATCH --nodes=1
#SBATCH --ntasks=1
#SBATCH --gpus-per-node=4
#SBATCH --cpus-per-task=32
#SBATCH --mem=128G
#SBATCH --time=12:00:00
#SBATCH --requeue
#SBATCH --signal=B:TERM@300
#SBATCH --output=graft-%j.log
set -euo pipefail

rates=(1e-4 2e-4 5e-4 1e-3 2e-3 5e-3 1e-2 2e-2)
name=$1
shift
if [[ -n ${SLURM_ARRAY_TASK_ID:-} ]]; then
  name=$name-$SLURM_ARRAY_TASK_ID
  set -- "$@" -S "lr=${rates[SLURM_ARRAY_TASK_ID - 1]}"
fi

export REPOSITORY=${REPOSITORY:-https://git.example.org/you/project}
export GRAFT_LAUNCH=${GRAFT_LAUNCH---nproc-per-node ${SLURM_GPUS_ON_NODE:-gpu} --rdzv-backend c10d --rdzv-endpoint localhost:0}
export TMPDIR=${SLURM_TMPDIR:-${TMPDIR:-/tmp}}

srun --ntasks=1 --kill-on-bad-exit=1 "${SLURM_SUBMIT_DIR:-.}/examples/cluster/experiment.sh" "$name" "$@" &
step=$!
trap 'kill -TERM "$step"' TERM
wait "$step"
