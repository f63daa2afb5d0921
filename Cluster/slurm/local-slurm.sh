#!/usr/bin/env bash
# A Slurm cluster of its own on one machine, to try and to test train.sbatch: hosts made by Cluster/namespaces/hosts.sh, with
# keys, sockets, state and logs in one folder, which goes on `stop`. Nothing of the machine's own Slurm is read or changed.
# Needs root and the packages slurm-wlm, munge, iproute2 and util-linux.
#
#     local-slurm.sh start DIR [OWNER]           two hosts of four processors each; they go when process OWNER ends
#     local-slurm.sh run DIR COMMAND…            sbatch, squeue, scontrol … on host1
#     local-slurm.sh stop DIR                    ends the cluster and everything that runs on it
set -euo pipefail

hosts=$(dirname "$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")")/namespaces/hosts.sh
readonly hosts

fail() {
    printf 'local-slurm.sh: %s\n' "$*" >&2
    exit 69
}

configure() { # DIR
    # A job that was put back may start again once its old credentials have run out (cred_expire, 120 s by default).
    cat >"$1/slurm.conf" <<CONF
ClusterName=local
SlurmctldHost=host1
AuthInfo=socket=$1/munge/socket,cred_expire=5
SlurmUser=root
StateSaveLocation=$1/state
SlurmctldPidFile=$1/slurmctld.pid
SlurmctldLogFile=$1/slurmctld.log
SlurmctldTimeout=30
SlurmdSpoolDir=$1/spool.%n
SlurmdPidFile=$1/slurmd.%n.pid
SlurmdLogFile=$1/slurmd.%n.log
SlurmdTimeout=30
SlurmdParameters=config_overrides
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
SchedulerParameters=batch_sched_delay=1,sched_interval=5
SelectType=select/cons_tres
SelectTypeParameters=CR_CPU
ReturnToService=2
KillWait=10
MpiDefault=none
NodeName=host[1-2] CPUs=4
PartitionName=main Nodes=ALL Default=YES
CONF
}

start() { # DIR [OWNER]
    local folder=$1 command host tries descriptor
    # Who waits until all that this script has open is closed would wait for the processes that stay; 255 is the script.
    for descriptor in /proc/"$$"/fd/*; do
        descriptor=${descriptor##*/}
        ((descriptor <= 2 || descriptor == 255)) || eval "exec $descriptor>&-"
    done
    for command in munged slurmctld slurmd sbatch ip; do
        command -v "$command" >/dev/null || PATH=$PATH:/usr/sbin command -v "$command" >/dev/null ||
            fail "no $command: install slurm-wlm, munge and iproute2"
    done
    mkdir -p "$folder"/{munge,state}
    chmod 755 "$folder"
    chmod 700 "$folder/munge"
    # shellcheck disable=SC2064
    trap "stop '$folder'" EXIT
    configure "$folder"
    "$hosts" up "$folder/hosts" 2 "${@:2}"
    (umask 077 && head -c 128 /dev/urandom >"$folder/munge/key")
    on_host "$folder" host1 munged --force --socket="$folder/munge/socket" --key-file="$folder/munge/key" \
        --log-file="$folder/munge/log" --pid-file="$folder/munge/pid" --seed-file="$folder/munge/seed" 2>"$folder/munge/errors"
    on_host "$folder" host1 slurmctld -c
    for host in host1 host2; do
        mkdir -p "$folder/spool.$host"
        on_host "$folder" "$host" slurmd -N "$host"
    done
    for ((tries = 0; tries < 100; tries++)); do
        [[ $(on_host "$folder" host1 sinfo -h -t idle -o %D 2>/dev/null) != 2 ]] || break
        sleep 0.2
    done
    if ((tries == 100)); then
        tail -n 20 "$folder"/*.log >&2
        fail "the hosts do not report to slurmctld"
    fi
    trap - EXIT
}

on_host() { # DIR HOST COMMAND…
    local folder=$1
    "$hosts" exec "$folder/hosts" "$2" env SLURM_CONF="$folder/slurm.conf" PATH="$PATH:/usr/sbin" "${@:3}"
}

stop() { # DIR
    "$hosts" down "$1/hosts"
    [[ ! -e $1/slurm.conf ]] || rm -rf "$1"
}

(($# >= 2)) || fail "start, run or stop, and a folder; its first lines tell how"
folder=$(realpath -m "$2")
case $1 in
start) start "$folder" "${@:3}" ;;
run) on_host "$folder" host1 "${@:3}" ;;
stop) stop "$folder" ;;
*) fail "start, run or stop, not '$1'" ;;
esac
