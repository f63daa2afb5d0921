#!/usr/bin/env bash
# Builds, runs, tests and checks mtbert-dist; `./run.sh help` tells how.
set -euo pipefail

root=$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")
program=$root/.build/release/mtbert-dist
readonly root program invocation=$0
readonly unavailable=69 wrong_usage=64

usage() {
    cat <<'TXT'
Usage: ./run.sh [train] [CONFIG] [-n RANKS] [--threads T] [--restarts N] [options of `mtbert-dist train`]
       ./run.sh compare [CONFIG] [-n RANKS] [--threads T] [options of `mtbert-dist compare`]
       ./run.sh build | test | check | bench [options] | help
       ./run.sh doctor [CONFIG] [-n RANKS]
       ./run.sh evaluate | predict | inspect | … [options of that subcommand]

  train    trains CONFIG (without one: the built-in demonstration) on -n ranks; by default as many as this
           machine's cores allow, a power of two up to 8. More ranks than cores work too, only slower. Cores
           that are left become threads of the ranks; --threads T fixes their number.
           Ctrl-C or SIGTERM stops the run after a checkpoint; a second one stops it at once.
           --restarts N starts it again, up to N times, when it ended early (75) or broke (70, a signal), as long as
           each start gets to a newer checkpoint.
  compare  trains the tasks of CONFIG alone and together, and says whom it helps; otherwise as train
  doctor   looks over machine, libraries and files as a run of CONFIG would meet them, on as many ranks
  build    builds the program; a few minutes the first time
  test     builds and runs every test, those under mpirun included
  check    format, floors of the modules, file lengths and stray paths; the tests of the arithmetic under
           AddressSanitizer; then `test`
  bench    measures training on random data: without options a table, beside PyTorch where it is installed; with
           options one measurement (-n RANKS as above; one by default)
  help     this text; `./run.sh train --help` is the program's own

Anything else is handed to the program as its subcommand. System packages that are missing are installed with
apt-get where that is allowed; otherwise the line to run is printed.

Examples:
  ./run.sh
  ./run.sh train Configs/reviews.yaml -n 4 --set epochs=1 --set model=path/to/encoder
  echo "not bad at all" | ./run.sh predict runs/reviews/checkpoints/best --task books

Environment: MPIRUN_OPTIONS holds further words for mpirun, such as "--bind-to none" where two runs share a machine.
Several machines: Cluster/README.md.
TXT
}

say() { printf '%s\n' "$*" >&2; }

fail() { # CODE MESSAGE…
    local code=$1
    shift
    say "run.sh: $*"
    exit "$code"
}

# ---- What has to be there -------------------------------------------------------------------------------------------

# Whether the compiler finds a header, for libraries that pkg-config does not know.
has_header() { # NAME
    local folder folders=()
    IFS=: read -ra folders <<<"${CPATH:-}"
    for folder in /usr/include /usr/local/include "${folders[@]}"; do
        [[ ! -e $folder/$1 ]] || return 0
    done
    return 1
}

# The Debian packages of what is missing, one a line.
missing_packages() {
    has_header oneapi/dnnl/dnnl.h || echo libdnnl-dev
    command -v mpirun >/dev/null || echo openmpi-bin
    if ! command -v pkg-config >/dev/null; then
        printf '%s\n' pkg-config libopenmpi-dev libopenblas-dev zlib1g-dev
        return
    fi
    pkg-config --exists mpi-c || echo libopenmpi-dev
    pkg-config --exists openblas || echo libopenblas-dev
    pkg-config --exists zlib || echo zlib1g-dev
}

install_missing_packages() {
    local packages=() as_root=()
    mapfile -t packages < <(missing_packages)
    ((${#packages[@]})) || return 0
    local line="apt-get install -y ${packages[*]}"
    command -v apt-get >/dev/null || fail $unavailable "missing: Open MPI 4.1 or newer with mpirun, OpenBLAS and zlib," \
        "known to pkg-config as mpi-c, openblas and zlib, and oneDNN 2 (in Debian: ${packages[*]})"
    if ((EUID != 0)); then
        if ! sudo -n true 2>/dev/null; then
            fail $unavailable "missing: ${packages[*]}. Install with" $'\n\n'"  sudo $line"$'\n\n' "and run this again."
        fi
        as_root=(sudo -n)
    fi
    say "Installing ${packages[*]} with apt-get…"
    local apt=("${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get -qq -o DPkg::Lock::Timeout=120)
    "${apt[@]}" update >&2 || say "run.sh: apt-get update failed; going on with the package lists at hand"
    "${apt[@]}" install -y --no-install-recommends "${packages[@]}" >&2 ||
        fail $unavailable "could not install ${packages[*]}. See the lines above, or run: $line"
    mapfile -t packages < <(missing_packages)
    ((${#packages[@]} == 0)) || fail $unavailable "still missing after $line: ${packages[*]}"
}

require_swift() {
    command -v swift >/dev/null ||
        fail $unavailable "no swift in PATH. Swift 6.0 or newer is needed (made with 6.3): https://www.swift.org/install"
}

# ---- Building -------------------------------------------------------------------------------------------------------

# Runs a build quietly; its output is shown where it fails.
quiet_build() { # ARGUMENTS of swift build
    local log=$root/.build/run.sh.log
    mkdir -p "$root/.build"
    if [[ -e $program ]]; then say "Building…"; else say "Building; the first time takes a few minutes…"; fi
    if ! swift build --package-path "$root" -c release "$@" >"$log" 2>&1; then
        cat "$log" >&2
        fail 1 "the build failed; this output is in $log"
    fi
    grep -E '^(/.*)?warning:' "$log" | grep -v '/\.build/checkouts/' >&2 || true
}

# A build that finds nothing to do leaves the program as old as it was. So it gets the time at which the build began: newer
# than what the build has seen, and older than what was changed meanwhile.
dated_build() { # ARGUMENTS of swift build
    local began=$root/.build/run.sh.began
    mkdir -p "$root/.build"
    touch "$began"
    quiet_build "$@"
    touch -c -r "$began" "$program"
}

# Only what is built needs a compiler and the libraries' headers.
build_program() {
    local changed=("$root/Sources" "$root/Package.swift")
    [[ ! -x $program || -n $(find "${changed[@]}" -newer "$program" -print -quit) ]] || return 0
    install_missing_packages
    require_swift
    dated_build --product mtbert-dist
}

# ---- Cores and ranks ------------------------------------------------------------------------------------------------

# Physical cores among the logical processors that this process may use.
physical_cores() {
    local ranges range cpu topology
    ranges=$(awk '/^Cpus_allowed_list:/ { print $2 }' /proc/self/status 2>/dev/null || true)
    [[ $ranges ]] || { nproc && return; }
    for range in ${ranges//,/ }; do
        for ((cpu = ${range%-*}; cpu <= ${range#*-}; cpu++)); do
            topology=/sys/devices/system/cpu/cpu$cpu/topology
            if [[ -r $topology/core_id ]]; then
                echo "$(<"$topology/physical_package_id") $(<"$topology/core_id")"
            else
                echo "cpu $cpu"
            fi
        done
    done | sort -u | wc -l
}

# Whole processors that the control group (version 2, then 1) grants; nothing where it sets no limit.
processor_quota() {
    local controllers group
    while IFS=: read -r _ controllers group; do
        if [[ -z $controllers ]]; then
            while :; do
                cat "/sys/fs/cgroup$group/cpu.max" 2>/dev/null || true
                [[ $group && $group != / ]] || break
                group=${group%/*}
            done
        elif [[ ,$controllers, == *,cpu,* ]]; then
            for group in "$group" ""; do
                paste -d ' ' "/sys/fs/cgroup/cpu$group"/cpu.cfs_{quota,period}_us 2>/dev/null || true
            done
        fi
    done < <(cat /proc/self/cgroup 2>/dev/null) |
        awk '$1 + 0 > 0 && $2 + 0 > 0 { n = int($1 / $2); n = n < 1 ? 1 : n; if (!least || n < least) least = n }
             END { if (least) print least }'
}

# The options of mpirun for a number of ranks, into the array `launcher`.
prepare_launcher() { # RANKS (0: as the cores allow) THREADS
    local ranks=$1 threads=$2 cores quota
    command -v mpirun >/dev/null ||
        fail $unavailable "no mpirun in PATH. Open MPI 4.1 or newer is needed (in Debian: apt-get install openmpi-bin)"
    cores=$(physical_cores)
    quota=$(processor_quota)
    [[ $quota ]] && ((quota < cores)) && cores=$quota || quota=
    if ((ranks == 0)); then
        for ((ranks = 8; ranks > 1 && ranks * threads > cores; ranks /= 2)); do :; done
    fi
    # mpirun's own notices would bury the one sentence in which the program says what is wrong.
    launcher=(mpirun --quiet -n "$ranks")
    if ((ranks * threads > cores)); then
        launcher+=(--oversubscribe --mca mpi_yield_when_idle 1 --bind-to none)
    elif [[ $quota ]]; then
        # Processors are shared with other control groups: the first ones are no better than others.
        launcher+=(--oversubscribe --bind-to none)
    else
        # A rank's share of the cores, so that its helper threads have room.
        launcher+=(--map-by "slot:PE=$((cores / ranks))" --bind-to core)
    fi
    if in_container && ! may_trace; then launcher+=(--mca btl_vader_single_copy_mechanism none); fi
    local further=()
    read -ra further <<<"${MPIRUN_OPTIONS:-}"
    launcher+=("${further[@]}")
    if ((EUID == 0)); then export OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1; fi
}

in_container() {
    [[ -e /.dockerenv || -e /run/.containerenv || -n ${KUBERNETES_SERVICE_HOST:-} || -n ${container:-} ]]
}

# Whether a process may read another's memory (CAP_SYS_PTRACE), which Open MPI uses inside a host; it complains otherwise.
may_trace() {
    local capabilities
    capabilities=$(awk '/^CapEff:/ { print $2 }' /proc/self/status)
    (((16#$capabilities >> 19) & 1))
}

# ---- Verbs ----------------------------------------------------------------------------------------------------------

whole_number() { # OPTION VALUE
    [[ $2 =~ ^[1-9][0-9]*$ ]] || fail $wrong_usage "$1 wants a whole number above 0, not '$2'"
}

# Runs a subcommand on several ranks. mpirun stands in its own process group, so that Ctrl-C reaches this script alone,
# which passes on what the program takes for "save and stop".
run_ranked() { # DEFAULT_RANKS SUBCOMMAND [ARGUMENTS]
    local ranks=$1 threads=1 restarts=0 subcommand=$2 arguments=()
    shift 2
    while (($#)); do
        case $1 in
        -n | -np | --ranks | --threads | --restarts) (($# > 1)) || fail $wrong_usage "$1 wants a value" ;;
        -h | --help) build_program && exec "$program" "$subcommand" --help ;;
        esac
        case $1 in
        -n | -np | --ranks) ranks=$2 && whole_number "$1" "$2" && shift ;;
        --ranks=*) ranks=${1#*=} && whole_number --ranks "$ranks" ;;
        --threads) threads=$2 && arguments+=("$1" "$2") && shift ;;
        --threads=*) threads=${1#*=} && arguments+=("$1") ;;
        --restarts) restarts=$2 && whole_number "$1" "$2" && shift ;;
        --restarts=*) restarts=${1#*=} && whole_number --restarts "$restarts" ;;
        *) arguments+=("$1") ;;
        esac
        shift
    done
    # Where the program chooses, it gives each rank what cores are left.
    if [[ $threads == auto ]]; then threads=1; fi
    whole_number --threads "$threads"
    [[ $restarts == 0 || $subcommand == train ]] || fail $wrong_usage "--restarts is for train"
    build_program
    prepare_launcher "$ranks" "$threads"
    local command=("$subcommand" "${arguments[@]}") line
    # So that it can be typed again, from here.
    printf -v line '%q ' "${launcher[@]}" "${program#"$(pwd -P)/"}" "${command[@]}"
    say "${line% }"
    # What the program tells the user to type next.
    export MTBERT_COMMAND=${MTBERT_COMMAND:-$invocation}

    # 75: of a run that is asked to stop before it has begun.
    local code=75 signals=0 start=0 job=
    trap 'signals=$((signals + 1)); stop_job' INT TERM HUP
    if ((restarts > 0)); then
        MTBERT_START_FILE=$(mktemp)
        export MTBERT_START_FILE
        # shellcheck disable=SC2064
        trap "rm -f '$MTBERT_START_FILE'" EXIT
    fi
    while ((signals == 0)); do
        ((start == 0)) || say "run.sh: it starts again from there ($start of $restarts)"
        run_once && code=0 || code=$?
        if ((restarts == start || signals > 0)) || ! may_restart $code; then break; fi
        start=$((start + 1))
        # Wherever the first start went on from.
        ((start > 1)) || command+=(--resume auto)
    done
    trap - INT TERM HUP
    return $code
}

# Runs `launcher` with `command` as `job`, which signals are passed on to.
run_once() {
    local code=0
    # Job control gives it a process group of its own. Only for the start: where a job is suspended, bash with job control
    # waits for it without rest.
    set -m
    # Before mpirun takes the signal for itself it would be ended by it.
    (trap '' USR1 && exec "${launcher[@]}" "$program" "${command[@]}") </dev/null &
    job=$!
    set +m
    # What came before there was a job.
    ((signals == 0)) || stop_job
    while kill -0 $job 2>/dev/null; do wait $job || true; done
    wait $job || code=$?
    job=
    ((signals < 2)) || return $code
    # A rank that has only just begun is ended by what asks it to stop.
    if ((signals > 0 && code == 138)); then code=75; fi
    case $code in
    0 | 64 | 65 | 70 | 75) ;;
    129 | 13[0-9] | 14[0-9] | 15[0-9]) say "run.sh: a rank was ended by signal $((code - 128)) ($(kill -l $((code - 128))))" ;;
    *) say "run.sh: mpirun ended with $code; for its own words, run the line above without --quiet" ;;
    esac
    return $code
}

# Whether a run that ended with CODE can get further when it is started again; says why, or why not.
may_restart() { # CODE
    case $1 in 0 | 64 | 65) return 1 ;; esac
    local from='' folder='' latest
    read -r from folder <"$MTBERT_START_FILE" || true
    : >"$MTBERT_START_FILE"
    latest=$(basename "$(readlink "$folder/checkpoints/latest" 2>/dev/null)")
    latest=${latest#step-}
    if [[ -z $folder || -z $latest ]] || ((10#$latest <= from)); then
        say "run.sh: the run ended with $1 and left no newer checkpoint, so it is not started again"
        return 1
    fi
    say "run.sh: the run ended with $1 behind the checkpoint of step $((10#$latest))"
}

# Passes on to `job`, where there is one, what `signals` have asked for.
stop_job() {
    if [[ -z $job ]]; then return; fi
    if ((signals > 1)); then
        kill -TERM "$job" 2>/dev/null || true
    else
        say "run.sh: stopping after a checkpoint; once more stops at once"
        # Again and again: at first mpirun has no ranks that it could hand the signal on to.
        (while kill -USR1 "$job" 2>/dev/null; do command -p sleep 1; done) &
    fi
}

# The kernels that OpenBLAS would not choose by itself on a processor it does not know.
openblas_core_type() {
    local flags
    flags=" $(awk -F: '/^flags/ { print $2; exit }' /proc/cpuinfo 2>/dev/null) "
    case $flags in
    *" avx512_bf16 "*) echo Cooperlake ;;
    *" avx512bw "*) echo SkylakeX ;;
    *" avx2 "*) echo Haswell ;;
    esac
}

# What tests find in their environment.
prepare_tests() {
    local core
    core=$(openblas_core_type)
    # As the program chooses for itself.
    if [[ $core && -z ${MTBERT_KEEP_CORETYPE:-} ]]; then export OPENBLAS_CORETYPE=$core; fi
    export OPENBLAS_NUM_THREADS=1 OMP_NUM_THREADS=1
    # The one option that tests hand on to the mpirun that they start.
    if in_container && ! may_trace; then export OMPI_MCA_btl_vader_single_copy_mechanism=none; fi
}

run_tests() {
    install_missing_packages
    require_swift
    dated_build --build-tests

    local log=$root/.build/run.sh.tests.log code=0
    prepare_tests
    swift test --package-path "$root" -c release --skip-build --disable-xctest "$@" 2>&1 | tee "$log" || code=$?
    summarize "Skipped" "$(sed -nE 's/^.{0,4}((Test|Suite) .*) skipped(: "(.*)")?\.?$/\1: \4/p' "$log")"
    summarize "Failed" "$(sed -nE 's/^.{0,4}(Test .*) recorded an issue (.*)$/\1 \2/p' "$log")"
    return $code
}

# Lengths of short sentiment texts, as one finds them: log-normal, median 28, cut at 128.
natural_lengths() {
    awk 'BEGIN {
        srand(1); printf "["
        for (i = 0; i < 4096; i++) {
            z = sqrt(-2 * log(1 - rand())) * cos(6.283185307 * rand()); n = int(28 * exp(0.75 * z))
            printf "%s%d", (i ? "," : ""), (n < 4 ? 4 : n > 128 ? 128 : n)
        }
        print "]"
    }'
}

# Without options: a table of models, precisions and ranks, and of PyTorch by turns where `PYTHON` (python3) has torch and
# transformers. Every figure is the median of three rounds. What heeds lengths is held against what does: --balance tokens
# against PyTorch's batches grouped by length.
bench_table() {
    build_program
    local folder model precision ranks round python=${PYTHON:-python3} peer=
    folder=$(mktemp -d)
    # shellcheck disable=SC2064
    trap "rm -rf '$folder'" EXIT
    natural_lengths >"$folder/lengths.json"
    local precisions=(fp32)
    if grep -qw avx512_bf16 /proc/cpuinfo; then precisions+=(bf16); fi
    if "$python" -c 'import torch, transformers' 2>/dev/null; then peer=1; else
        say "run.sh: $python has no torch with transformers, so PyTorch's columns stay empty (PYTHON=… names another)"
    fi
    printf '%s, %s\n' "$(sed -nE 's/^model name\s*: //p' /proc/cpuinfo | head -n 1)" "$(date +%F)"
    printf '%-10s %-9s %5s %9s %8s %12s %6s %9s %12s %6s\n' \
        model precision ranks tokens/s "of peak" "PyTorch DDP" ratio balanced "its --group" ratio
    for model in minilm bert-base; do
        for precision in "${precisions[@]}"; do
            for ranks in 1 2; do
                for round in 1 2 3; do
                    say "$model, $precision, $ranks rank(s), round $round of 3"
                    bench_round "$folder/$model.$precision.$ranks"
                done
                bench_line "$folder/$model.$precision.$ranks"
            done
        done
    done
}

# One round of one line: this program, and the same work in PyTorch. Reads the variables of `bench_table`.
bench_round() { # FILE
    local work=(--model "$model" --precision "$precision" --batch 16 --lengths "$folder/lengths.json")
    prepare_launcher "$ranks" 1
    "${launcher[@]}" "$program" bench --json --threads 1 "${work[@]}" >>"$1.own"
    "${launcher[@]}" "$program" bench --json --threads 1 "${work[@]}" --balance tokens >>"$1.balanced"
    [[ $peer ]] || return 0
    peer_round "$1.plain" "${work[@]}"
    peer_round "$1.group" "${work[@]}" --group
}

# One measurement of PyTorch. Where one fails, its column stays empty in this line of the table.
peer_round() { # FILE ARGUMENTS
    local file=$1
    shift
    [[ ! -e $file.failed ]] || return 0
    local torchrun=("$python" -m torch.distributed.run --nproc-per-node "$ranks" "$root/Tests/Oracles/torch_bench.py")
    if ! OMP_NUM_THREADS=1 "${torchrun[@]}" "$@" >>"$file" 2>"$file.errors"; then
        # Behind the words of a process that failed come many more, which only say that one did.
        sed '/ failed (exitcode: /,$d' "$file.errors" | tail -n 10 >&2
        say "run.sh: PyTorch failed with that, so its column (${file##*.}) stays empty in this line"
        rm -f "$file"
        : >"$file.failed"
    fi
}

bench_line() { # FILE
    median_of() { # FILE KEY
        [[ -e $1 ]] || return 0
        sed -nE "s/.*\"$2\": ?([0-9.]+).*/\1/p" "$1" | sort -n | awk '{ a[NR] = $1 } END { if (NR) print a[int((NR + 1) / 2)] }'
    }
    awk -v model="$model" -v precision="$precision" -v ranks="$ranks" -v own="$(median_of "$1.own" tokens_per_second)" \
        -v share="$(median_of "$1.own" model_flops_utilization)" -v plain="$(median_of "$1.plain" tokens_per_second)" \
        -v balanced="$(median_of "$1.balanced" tokens_per_second)" \
        -v group="$(median_of "$1.group" tokens_per_second)" '
        function number(x) { return x == "" ? "-" : sprintf("%.0f", x) }
        function ratio(own, x) { return x == "" ? "-" : sprintf("%.1f", own / x) }
        BEGIN { printf "%-10s %-9s %5d %9.0f %7.0f%% %12s %6s %9.0f %12s %6s\n", model, precision, ranks, own,
            100 * share, number(plain), ratio(own, plain), balanced, number(group), ratio(balanced, group) }'
}

summarize() { # HEADING LINES
    [[ -z $2 ]] || printf '\n%s:\n%s\n' "$1" "$2"
}

# Runs the tests of kernels, sums and model with every access to memory checked. Linked against OpenBLAS as it is, whose own
# accesses go unchecked; GuardedMemory watches those.
check_memory() {
    install_missing_packages
    require_swift
    say "Checking the arithmetic's memory accesses with AddressSanitizer; the first time takes a few minutes…"
    local own=(--scratch-path "$root/.build/asan" --sanitize=address)
    export MTBERT_SANITIZED=1
    quiet_build --build-tests "${own[@]}"
    (
        prepare_tests
        ASAN_OPTIONS=detect_leaks=0 swift test --package-path "$root" -c release "${own[@]}" --skip-build \
            --disable-xctest --quiet
    ) || fail 1 "AddressSanitizer or a test found a mistake; see above"
    unset MTBERT_SANITIZED
}

run_check() {
    require_swift
    "$root/.ci/check"
    check_memory
    run_tests "$@"
}

main() {
    local verb=${1:-train}
    case $verb in
    help | -h | --help) usage ;;
    train | compare) run_ranked 0 "$@" ;;
    -* | *.yaml | *.yml) run_ranked 0 train "$@" ;;
    bench) if (($# == 1)); then bench_table; else run_ranked 1 "$@"; fi ;;
    evaluate) run_ranked 1 "$@" ;;
    doctor) run_ranked 0 "$@" ;;
    build) build_program && say "Built $program" ;;
    test) shift && run_tests "$@" ;;
    check) shift && run_check "$@" ;;
    *) build_program && exec "$program" "$@" ;;
    esac
}

if (($# == 0)); then set -- train; fi
main "$@"
