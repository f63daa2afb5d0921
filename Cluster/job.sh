# shellcheck shell=bash
# What every scheduler's script does with the hosts that it was given; Cluster/slurm, Cluster/pbs and Cluster/kubernetes
# source this file. In their own words:
#
#     train_on HOSTFILE RUN_FOLDER [CONFIG] [options of `mtbert-dist train`]
#
# trains on as many ranks as fit on the hosts that answer, and returns the program's exit code, but
#
#     75  start the same job again: it was stopped, or lost a host, and has a newer checkpoint than when it began
#     70  do not: it failed, or was stopped, without a newer checkpoint than when it began
#
# SIGUSR1 or SIGTERM to the shell that runs it ends the run after a checkpoint; `asked_to_stop` is then USR1 or TERM, the
# one that came first. Schedulers send TERM to a job that is cancelled, or that they put back into the queue by themselves:
# behind it a job does not start itself again.
#
# Environment, none of it needed:
#     MTBERT_PROGRAM   the program [.build/release/mtbert-dist of this repository]
#     MTBERT_PROBE     answers `$MTBERT_PROBE HOST true` on a host that lives [ssh without a question]
#     MPIRUN_OPTIONS   further words for mpirun, such as "--bind-to core --mca btl_tcp_if_include eth0"

mtbert_root=$(dirname "$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")")

job_says() { printf '%s job: %s\n' "$(date +%T)" "$*" >&2; }

# What a signal does. A TERM behind a USR1 only says that time is up.
asked_to_stop=
ask_to_stop() { # USR1 or TERM
    asked_to_stop=${asked_to_stop:-$1}
    hand_on_stop
    job_says "asked to stop"
}

# Asks mpirun to stop, where it runs: again and again, since at first it has no ranks that it could hand the signal on to.
hand_on_stop() {
    [[ -z $job ]] || (while kill -USR1 "$job" 2>/dev/null; do command -p sleep 1; done) &
}

# The step of a run's newest checkpoint; 0 where it has none.
newest_step() { # RUN_FOLDER
    local folder newest=0
    for folder in "$1"/checkpoints/step-*; do
        folder=${folder##*/step-}
        [[ $folder =~ ^[0-9]+$ ]] && ((10#$folder > newest)) && newest=$((10#$folder))
    done
    echo "$newest"
}

# The number of canonical shards: the run's own, then --set's, then the configuration's, then the default.
shards_of() { # RUN_FOLDER ARGUMENTS…
    local state=$1/checkpoints/latest/trainer_state.json word shards=
    if [[ -r $state ]]; then shards=$(sed -nE 's/.*"shards" *: *([0-9]+).*/\1/p' "$state"); fi
    for word in "${@:2}"; do
        [[ $shards ]] || case $word in
        batch.shards=* | --set=batch.shards=*) shards=${word##*=} ;;
        esac
    done
    for word in "${@:2}"; do
        [[ $shards || ! -f $word ]] || shards=$(sed -nE 's/#.*//; s/.*\bshards: *([0-9]+|auto).*/\1/p' "$word" | head -n 1)
    done
    echo "${shards:-8}"
}

# The largest number of ranks up to SLOTS that the shards can be dealt to: S/n a power of two that divides S, or n = 1.
ranks_for() { # SLOTS SHARDS
    local slots=$1 shards=$2 share=1
    if [[ $shards == auto ]]; then echo "$slots" && return; fi
    while ((shards % share == 0)); do
        if ((shards / share <= slots)); then echo $((shards / share)) && return; fi
        share=$((share * 2))
    done
    echo 1
}

# The lines of a hostfile whose hosts answer. A lone host is where this runs.
answering() { # HOSTFILE
    local probe=() lines=() index
    read -ra probe <<<"${MTBERT_PROBE:-ssh -o BatchMode=yes -o ConnectTimeout=10}"
    mapfile -t lines < <(grep -vE '^[[:space:]]*(#|$)' "$1")
    if ((${#lines[@]} == 1)); then echo "${lines[0]}" && return; fi
    local answers=()
    for index in "${!lines[@]}"; do
        timeout -k 1 20 "${probe[@]}" "${lines[index]%%[[:space:]]*}" true </dev/null >/dev/null 2>&1 &
        answers[index]=$!
    done
    for index in "${!lines[@]}"; do
        if wait "${answers[index]}"; then
            echo "${lines[index]}"
        else
            job_says "${lines[index]%%[[:space:]]*} does not answer and is left out"
        fi
    done
}

train_on() { # HOSTFILE RUN_FOLDER [CONFIG] [OPTIONS]
    local hosts=$1 folder=$2 program=${MTBERT_PROGRAM:-$mtbert_root/.build/release/mtbert-dist}
    shift 2
    local living slots shards ranks began ended job='' code=0 further=()
    trap 'ask_to_stop USR1' USR1
    trap 'ask_to_stop TERM' TERM
    living=$(mktemp)
    answering "$hosts" >"$living"
    slots=$(awk '{ n = 1; for (i = 2; i <= NF; i++) if ($i ~ /^slots=/) n = substr($i, 7); sum += n } END { print sum + 0 }' "$living")
    if ((slots == 0)) || [[ $asked_to_stop ]]; then
        if ((slots == 0)); then job_says "no host answers"; else job_says "stopped before it began"; fi
        rm -f "$living"
        return 70
    fi
    shards=$(shards_of "$folder" "$@")
    ranks=$(ranks_for "$slots" "$shards")
    began=$(newest_step "$folder")
    read -ra further <<<"${MPIRUN_OPTIONS:-}"
    if ((EUID == 0)); then export OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1; fi
    job_says "$ranks ranks on $(awk '{ printf "%s%s", (NR > 1 ? ", " : ""), $1 }' "$living") ($slots slots, $shards shards), behind step $began"

    # By its own connections mpirun notices a host whose network is gone: after 10 s of silence it asks three times, 5 s apart.
    export OMPI_MCA_oob_tcp_keepalive_time=${OMPI_MCA_oob_tcp_keepalive_time:-10}
    export OMPI_MCA_oob_tcp_keepalive_intvl=${OMPI_MCA_oob_tcp_keepalive_intvl:-5}
    export OMPI_MCA_oob_tcp_keepalive_probes=${OMPI_MCA_oob_tcp_keepalive_probes:-3}
    # SIGTERM is kept from mpirun, which would kill the ranks on it; SIGUSR1 it hands on to them.
    # Before it takes that for itself it would be ended by it.
    env --block-signal=TERM --ignore-signal=USR1 mpirun --hostfile "$living" -n "$ranks" "${further[@]}" \
        "$program" train "$@" --output "$folder" </dev/null &
    job=$!
    # What came before there was a process to hand it on to.
    [[ -z $asked_to_stop ]] || hand_on_stop
    while kill -0 "$job" 2>/dev/null; do wait "$job" || true; done
    wait "$job" || code=$?
    job=
    rm -f "$living"

    ended=$(newest_step "$folder")
    job_says "mpirun ended with $code; the newest checkpoint is of step $ended"
    case $code in
    0 | 64 | 65) return "$code" ;;
    esac
    if ((ended > began)); then return 75; fi
    job_says "no newer checkpoint than when it began: not to be started again"
    return 70
}
