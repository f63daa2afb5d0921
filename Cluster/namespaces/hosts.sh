#!/usr/bin/env bash
# Makes several hosts out of one Linux machine, to try and to test what happens between hosts and when one is lost.
# Each has a network, name, /dev/shm and temporary folder (TMPDIR) of its own and shares all other files; a switch connects
# them. The machine's own network is not touched. Needs root, iproute2 and util-linux.
#
#     hosts.sh up DIR COUNT [OWNER]     host1 … hostCOUNT; DIR keeps track of them; they go when process OWNER ends
#     hosts.sh exec DIR HOST COMMAND…   runs a command on a host
#     hosts.sh cut DIR HOST             takes its network cable out
#     hosts.sh mend DIR HOST            puts it back
#     hosts.sh down DIR                 ends every process on the hosts, and the hosts
#
# `MTBERT_HOSTS=DIR hosts.sh HOST COMMAND…` runs the command as ssh would, so it can be mpirun's plm_rsh_agent. `hosts.sh exec`
# sets that up: `hosts.sh exec DIR host1 mpirun --host host1,host2 …` works.
set -euo pipefail

self=$(readlink -f "${BASH_SOURCE[0]}")
readonly self network=10.77.0

fail() {
    printf 'hosts.sh: %s\n' "$*" >&2
    exit 64
}

# The process that keeps a host, or the switch, alive. A number that belongs to another process by now is none.
keeper() { # DIR NAME
    local number
    number=$(cat "$1/$2.pid" 2>/dev/null) || fail "$1 knows no $2"
    [[ $(tr '\0' ' ' 2>/dev/null <"/proc/$number/cmdline") == "mtbert-$2 "* ]] || fail "$2 of $1 is not up"
    echo "$number"
}

on_switch() { # DIR COMMAND…
    local number
    number=$(keeper "$1" switch)
    nsenter --target "$number" --net "${@:2}"
}

run_on() { # DIR HOST COMMAND…
    local number folder=$1
    number=$(keeper "$folder" "$2")
    shift 2
    exec nsenter --target "$number" --net --uts --ipc --mount --wdns="$PWD" \
        env "MTBERT_HOSTS=$folder" TMPDIR=/var/tmp OMPI_MCA_plm_rsh_agent="$self" OMPI_MCA_orte_tmpdir_base=/var/tmp "$@"
}

# Only PATH and HOME come along, and nothing goes through a cable that is out.
remote_shell() { # HOST COMMAND…
    if [[ $(on_switch "$MTBERT_HOSTS" ip -o link show "$1") != *"state UP"* ]]; then
        printf 'hosts.sh: no route to %s\n' "$1" >&2
        exit 255
    fi
    run_on "$MTBERT_HOSTS" "$1" env -i "PATH=$PATH" "HOME=${HOME:-/}" "MTBERT_HOSTS=$MTBERT_HOSTS" TMPDIR=/var/tmp \
        sh -c "${*:2}"
}

# Starts a process in namespaces of its own that only keeps them alive.
keep() { # DIR NAME OPTIONS of unshare…
    local folder=$1 name=$2
    shift 2
    # shellcheck disable=SC2016
    setsid unshare "$@" bash -c '
        set -e
        if [[ $2 != switch ]]; then
            hostname "$2"
            mount -t tmpfs tmpfs /dev/shm
            mount -t tmpfs -o mode=1777 tmpfs /var/tmp
            mount --bind "$1/hosts" /etc/hosts
        fi
        ip link set lo up
        echo $$ >"$1/$2.pid"
        exec -a "mtbert-$2" sleep infinity' keep "$folder" "$name" </dev/null >/dev/null 2>"$folder/$name.log" &
    local tries
    for ((tries = 0; tries < 100; tries++)); do
        if (keeper "$folder" "$name" >/dev/null 2>&1); then return; fi
        sleep 0.05
    done
    cat "$folder/$name.log" >&2
    fail "$name does not come up"
}

up() { # DIR COUNT [OWNER]
    local folder=$1 count=${2:-} owner=${3:-} host number descriptor
    # Who waits until all that this script has open is closed would wait for the processes that stay; 255 is the script.
    for descriptor in /proc/"$$"/fd/*; do
        descriptor=${descriptor##*/}
        ((descriptor <= 2 || descriptor == 255)) || eval "exec $descriptor>&-"
    done
    [[ $count =~ ^[2-9]$ ]] || fail "COUNT is 2 to 9, not '$count'"
    ((EUID == 0)) || fail "namespaces need root"
    mkdir -p "$folder"
    ! (keeper "$folder" switch >/dev/null 2>&1) || fail "hosts of $folder are up already"
    {
        echo "127.0.0.1 localhost"
        for ((host = 1; host <= count; host++)); do echo "$network.$host host$host"; done
    } >"$folder/hosts"
    # shellcheck disable=SC2064
    trap "down '$folder'" EXIT
    keep "$folder" switch --net
    on_switch "$folder" ip link add lan type bridge
    on_switch "$folder" ip link set lan up
    for ((host = 1; host <= count; host++)); do
        keep "$folder" "host$host" --net --uts --ipc --mount
        number=$(keeper "$folder" "host$host")
        on_switch "$folder" ip link add "host$host" type veth peer name eth0 netns "$number"
        on_switch "$folder" ip link set "host$host" master lan up
        nsenter --target "$number" --net ip address add "$network.$host/24" dev eth0
        nsenter --target "$number" --net ip link set eth0 up
    done
    trap - EXIT
    if [[ $owner ]]; then
        # shellcheck disable=SC2016
        setsid bash -c 'tail --pid="$3" -f /dev/null; exec "$1" down "$2"' owner "$self" "$folder" "$owner" \
            </dev/null >/dev/null 2>&1 &
    fi
}

# Puts a cable back, and waits until the other hosts are reached: neighbours that did not answer are forgotten only after a
# while. A refused connection has been there and back.
mend() { # DIR HOST
    local folder=$1 host=$2 other tries answer
    on_switch "$folder" ip link set "$host" up
    while read -r _ other; do
        [[ $other != localhost && $other != "$host" ]] || continue
        (run_on "$folder" "$other" ip neighbour flush all) || true
        (run_on "$folder" "$host" ip neighbour flush all) || true
        for ((tries = 0; tries < 100; tries++)); do
            # shellcheck disable=SC2016
            answer=$(run_on "$folder" "$host" bash -c 'echo >"/dev/tcp/$1/9"' probe "$other" 2>&1 </dev/null) || true
            [[ $answer != *"Connection refused"* ]] || break
            sleep 0.05
        done
    done <"$folder/hosts"
}

# Every process in the network of a host, which its keeper is one of.
processes_of() { # DIR NAME
    local number space process
    number=$(keeper "$1" "$2" 2>/dev/null) || return 0
    space=$(readlink "/proc/$number/ns/net")
    [[ $space != "$(readlink /proc/self/ns/net)" ]] || return 0
    for process in /proc/[0-9]*; do
        [[ $(readlink "$process/ns/net" 2>/dev/null) != "$space" || ${process#/proc/} == "$number" ]] ||
            echo "${process#/proc/}"
    done
    echo "$number"
}

down() { # DIR
    local folder=$1 file name processes=() number
    for file in "$folder"/*.pid; do
        [[ -e $file ]] || continue
        name=$(basename "$file" .pid)
        while mapfile -t processes < <(processes_of "$folder" "$name") && ((${#processes[@]})); do
            # The keeper last: by it the others are known.
            for number in "${processes[@]}"; do kill -KILL "$number" 2>/dev/null || true; done
            sleep 0.05
        done
        rm -f "$file" "$folder/$name.log"
    done
    rm -f "$folder/hosts"
    rmdir "$folder" 2>/dev/null || true
}

(($# >= 2)) || fail "up, exec, cut, mend or down, and a folder; its first lines tell how"
case $1 in
up) up "$(realpath -m "$2")" "${@:3}" ;;
exec) run_on "$(realpath "$2")" "${@:3}" ;;
cut) on_switch "$2" ip link set "$3" down ;;
mend) mend "$2" "$3" ;;
down) down "$(realpath -m "$2")" ;;
*)
    [[ ${MTBERT_HOSTS:-} ]] || fail "no $1; its first lines tell how"
    remote_shell "$@"
    ;;
esac
