#!/usr/bin/env bash
# Ends a run by SIGKILL before each call that changes its checkpoint folder in turn, and starts it again: every checkpoint that
# is there must be whole, and the result that of an undisturbed run.
#
#   Tests/Stress/kill-in-save.sh [FIRST]
#
# Some ten minutes on two cores. Exit code 0: all survived.
# shellcheck source=Tests/Stress/prepare.sh
source "$(dirname "$0")/prepare.sh"

start() { # OUTPUT
    "$program" train --output "$folder/$1" --set steps=9 --set batch.size=8 --set evaluation.every=4 \
        --set checkpoint.every=3 --set checkpoint.keep=1 </dev/null >"$folder/log" 2>&1
}
sums() { (cd "$folder/$1/checkpoints" && sha256sum {latest,best}/{model,optimizer}.safetensors); }
fail() { echo "operation $operation: $1" >&2 && cat "$folder/log" >&2 && exit 1; }

start undisturbed
expected=$(sums undisturbed)
for ((operation = ${1:-1}; ; operation++)); do
    rm -rf "${folder:?}/run"
    code=0
    MTBERT_FAULT=rank=0,phase=writing,operation=$operation,kind=kill start run || code=$?
    ((code != 0)) || break
    ((code == 137)) || fail "ended with $code"
    for checkpoint in "$folder"/run/checkpoints/step-*; do
        [[ ! -e $checkpoint ]] || (cd "$checkpoint" && sha256sum --check --strict --quiet SHA256SUMS) ||
            fail "$checkpoint is not whole"
    done
    start run || fail "did not go on"
    [[ $(sums run) == "$expected" ]] || fail "another result"
    leftovers=$(find "$folder/run/checkpoints" -name '.*' -mindepth 1)
    [[ -z $leftovers ]] || fail "left behind: $leftovers"
done
((operation > 50)) || fail "only so many changes of the disk"
echo "killed before each of $((operation - 1)) changes of the disk, and survived"
