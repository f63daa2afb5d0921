#!/usr/bin/env bash
# What the launcher of mpijob.yaml runs: launcher.sh RUN_FOLDER [CONFIG] [options of `mtbert-dist train`]
#
# When a worker is lost, training goes on at once with the ones that answer; a worker that came back is in again from the next
# start on. When the pod itself is told to go, a checkpoint is saved and the code is 75: the job's next pod goes on from there.
# shellcheck source=Cluster/job.sh
source "$(dirname "${BASH_SOURCE[0]}")/../job.sh"

while
    train_on "${MTBERT_HOSTFILE:-/etc/mpi/hostfile}" "$@"
    code=$?
    ((code == 75)) && [[ -z $asked_to_stop ]]
do :; done
exit $code
