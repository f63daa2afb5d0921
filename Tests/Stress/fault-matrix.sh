#!/usr/bin/env bash
# Lets one of four ranks die, hang or fail in every phase, several times each, and prints how the runs ended, how long that
# took from the fault on, and whether they went on to the result of an undisturbed run.
#
#   Tests/Stress/fault-matrix.sh [TIMES] [SEED]
#
# The program must be built. Once through takes about three minutes on two cores. Exit code 0: every run ended by itself,
# named its rank once, left no process behind, and survived.
# shellcheck source=Tests/Stress/prepare.sh
source "$(dirname "$0")/prepare.sh"
times=${1:-1}
use_seed "${2:-}"
echo "seed $seed, watchdog 3 s, 4 ranks"

# Into `log`, each line behind the time at which it came.
start() { # OUTPUT RANKS
    timeout 60 "${launcher[@]}" -n "$2" "$program" train --output "$folder/$1" --set steps=20 --set batch.size=8 \
        --set watchdog=3 --set evaluation.every=5 --set checkpoint.every=4 </dev/null 2>&1 |
        while IFS= read -r line; do printf '%s %s\n' "$EPOCHREALTIME" "$line"; done >"$folder/log"
}

# The time of the first line that begins so; nothing where there is none.
time_of() { awk -v words="$1" 'index($0, words) == index($0, " ") + 1 { print $1; exit }' "$folder/log"; }

sums() { (cd "$folder/$1/checkpoints/latest" && sha256sum model.safetensors optimizer.safetensors); }

start undisturbed 2 || { cat "$folder/log" >&2 && exit 1; }
expected=$(sums undisturbed)
failed=0
printf '%-6s %-11s %5s %6s %9s %8s  %s\n' kind phase times named survived seconds 'exit codes'
for kind in kill stop spin throw term nan; do
    for phase in loading step evaluation saving writing; do
        [[ $kind != nan || $phase == saving ]] || continue
        named=0 survived=0 seconds=0 codes=
        for ((time = 0; time < times; time++)); do
            rank=$((RANDOM % 4))
            case $phase in
            loading) step=0 ;;
            step) step=$((RANDOM % 20 + 1)) ;;
            evaluation) step=$((RANDOM % 4 * 5 + 5)) ;;
            *) step=$((RANDOM % 5 * 4 + 4)) ;;
            esac
            [[ $phase != writing && $kind != nan ]] || rank=0
            rm -rf "${folder:?}/run"
            code=0
            MTBERT_FAULT=rank=$rank,phase=$phase,step=$step,kind=$kind start run 4 || code=$?
            codes+=" $code"
            # A stop is no error, and one in the last save comes too late. That the last save failed is told without a rank.
            words="error: rank $rank on "
            [[ $phase != writing && $kind != nan ]] || words="error: "
            [[ $kind != term ]] || words="stopped"
            found=$(grep -c "^[0-9.]* $words" "$folder/log" || true)
            if ((found == 1)) || [[ $kind == term && $code == 0 ]]; then
                named=$((named + 1))
            else
                cat "$folder/log" >&2 && failed=1
            fi
            seconds=$(awk -v sum="$seconds" -v end="$(time_of "$words")" -v begin="$(time_of "warning: MTBERT_FAULT")" \
                'BEGIN { print end && begin ? sum + end - begin : sum }')
            sleep 0.5
            if pgrep -f "$folder/run" >"$folder/left"; then
                echo "processes left behind: $(paste -sd ' ' "$folder/left")" && failed=1
            fi
            if start run 2 && [[ $(sums run) == "$expected" ]]; then
                survived=$((survived + 1))
            else
                cat "$folder/log" >&2 && failed=1
            fi
        done
        printf '%-6s %-11s %5d %6d %9d %8.1f  %s\n' "$kind" "$phase" "$times" "$named" "$survived" \
            "$(awk "BEGIN { print $seconds / $times }")" "$(tr ' ' '\n' <<<"$codes" | sort -nu | paste -sd ' ')"
    done
done
exit $failed
