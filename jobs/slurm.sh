#!/bin/bash
# keepone over the nodes of a Slurm allocation; the run directory is on a file system of all nodes.
#
#     sbatch --nodes 4 --ntasks-per-node 8 jobs/slurm.sh \
#         run /shared/space-diff.yaml --run /shared/runs/1
#
# Two minutes before its time is up the run stops where it can go on, and the job is queued again.
# To stop it for good: scancel --batch --signal TERM JOBID.
#
#SBATCH --job-name=keepone
#SBATCH --nodes=2
#SBATCH --ntasks-per-node=4
#SBATCH --signal=B:USR1@120
#SBATCH --requeue
#SBATCH --open-mode=append
set -euo pipefail

stopped=10 # keepone's exit code for a run that can go on

# Open MPI takes hosts and slots from Slurm.  A host that fell silent is noticed within a minute.
mpirun -q -n "$SLURM_NTASKS" --bind-to none -mca pml ob1 -mca btl 'self,vader,tcp' \
    -mca oob_tcp_keepalive_time 20 -mca oob_tcp_keepalive_intvl 5 \
    -mca oob_tcp_keepalive_probes 3 keepone "$@" &
mpirun=$!
is_time_up=false interrupted=true
trap 'interrupted=true is_time_up=true; kill -USR1 $mpirun' USR1
trap 'interrupted=true; kill -USR1 $mpirun' TERM INT

while $interrupted; do
    interrupted=false code=0
    wait $mpirun || code=$?
done
if ((code == stopped)) && $is_time_up; then
    scontrol requeue "$SLURM_JOB_ID"
fi
exit "$code"
