#!/usr/bin/env bash
# Kills a run again and again, at random moments and with everything it started, and starts it again on another number of
# ranks each time. In the end its model and its log must be those of a run that was never disturbed.
#
#   Tests/Stress/kill-and-resume.sh [KILLS] [SEED]
#
# 200 kills take some fifteen minutes on two cores. The program must be built. Exit code 0: the same bits.
# shellcheck source=Tests/Stress/prepare.sh
source "$(dirname "$0")/prepare.sh"
kills=${1:-200}
use_seed "${2:-}"
echo "seed $seed, $kills kills"

# With a learning rate that does not depend on the length of the run, which nobody knows before the last kill.
arguments=(--set batch.size=8 --set dropout=0.1 --set evaluation.every=40 --set checkpoint.every=15 --set watchdog=60
    --set schedule.kind=constant --set schedule.warmup=20)

start() { # OUTPUT RANKS STEPS
    exec "${launcher[@]}" -n "$2" "$program" train --output "$folder/$1" --set steps="$3" \
        "${arguments[@]}" </dev/null >"$folder/$1.log" 2>&1
}

newest() { basename "$(readlink "$folder/$1/checkpoints/latest" 2>/dev/null || echo none)"; }

# SIGKILL to mpirun and all ranks, so that nobody gets to tidy up.
kill_tree() { # PROCESS
    local children
    kill -STOP "$1" 2>/dev/null || return 0
    children=$(pgrep -P "$1" || true)
    # shellcheck disable=SC2086
    kill -KILL $children "$1" 2>/dev/null || true
}

for ((killed = 1; killed <= kills; killed++)); do
    ranks=$((1 << RANDOM % 4))
    start killed "$ranks" 1000000000 &
    job=$!
    # Some are killed while they load, most while they train, evaluate and save.
    sleep "$((RANDOM % 3)).$(printf '%03d' $((RANDOM % 1000)))"
    if ! kill -0 $job 2>/dev/null; then
        echo "a run ended before it was killed:" >&2
        cat "$folder/killed.log" >&2
        exit 1
    fi
    kill_tree $job
    wait $job 2>/dev/null || true
    printf 'kill %d of %d, %d ranks: %s\n' "$killed" "$kills" "$ranks" "$(newest killed)"
done
last=$(newest killed)
[[ $last != none ]] && steps=$((10#${last#step-} + 50)) || steps=50
(start killed 4 "$steps") || { cat "$folder/killed.log" >&2 && exit 1; }
(start undisturbed 2 "$steps") || { cat "$folder/undisturbed.log" >&2 && exit 1; }

# Steps and evaluations without their times.
scores() {
    grep -E '"event":"(step|evaluation)"' "$folder/$1/metrics.jsonl" |
        sed -E 's/,"tokens_per_second":.*$//; s/,"seconds":.*$//'
}
code=0
for file in model.safetensors optimizer.safetensors; do
    read -r expected _ < <(sha256sum <"$folder/undisturbed/checkpoints/latest/$file")
    read -r found _ < <(sha256sum <"$folder/killed/checkpoints/latest/$file")
    [[ $found == "$expected" ]] && verdict=equal || verdict=DIFFERENT code=1
    echo "$file: $verdict, ${found:0:16} and ${expected:0:16}"
done
if cmp -s <(scores killed) <(scores undisturbed); then
    echo "steps and evaluations in the log: equal"
else
    echo "steps and evaluations in the log: DIFFERENT" && code=1
    diff <(scores killed) <(scores undisturbed) | head -n 10
fi
leftovers=$(find "$folder/killed/checkpoints" -name '.tmp-*')
[[ -z $leftovers ]] || { echo "left behind: $leftovers" && code=1; }
exit $code
