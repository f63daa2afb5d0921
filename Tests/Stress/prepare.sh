# shellcheck shell=bash
# What the programs of this folder begin with: `source` it. Sets `program`, which must be built, and `folder`, which goes at the
# end; `use_seed SEED` makes $RANDOM repeatable, and tells how.
set -euo pipefail
export OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
# shellcheck disable=SC2034
program=$root/.build/release/mtbert-dist
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT

use_seed() { # [SEED]
    seed=${1:-$(($(date +%s) % 32768))}
    RANDOM=$seed
}

# mpirun on any number of ranks, with Open MPI's files where they go with the folder.
# shellcheck disable=SC2034
launcher=(mpirun --quiet --oversubscribe --bind-to none --mca mpi_yield_when_idle 1
    --mca orte_tmpdir_base "$folder" --mca btl_vader_backing_directory "$folder")
