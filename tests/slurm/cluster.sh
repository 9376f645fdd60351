#!/usr/bin/env bash
# A real SLURM on this machine for the tests: two nodes with two pretended GPUs each, accounting, everything in one folder, on 127.0.0.1 only.
#   cluster.sh start FOLDER    prints the value of SLURM_CONF
#   cluster.sh stop FOLDER
# Exits with 77 where SLURM, its accounting or root are missing.
set -euo pipefail
action=${1:?start or stop}
folder=${2:?folder}
mkdir -p "$folder"
folder=$(cd "$folder" && pwd)
here=$(cd "$(dirname "$0")" && pwd)

wait_until() { # SECONDS COMMAND...
  local left=$(( $1 * 5 ))
  shift
  until timeout 3 "$@" >/dev/null 2>&1; do
    left=$(( left - 1 ))
    [ "$left" -gt 0 ] || { echo "timed out: $*" >&2; exit 1; }
    sleep 0.2
  done
}
free_port() { python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])'; }

if [ "$action" = stop ]; then
  export SLURM_CONF=$folder/slurm.conf
  timeout 10 scancel --user="$(id -un)" 2>/dev/null || true
  for pid in "$folder"/pid/*; do
    [ -f "$pid" ] && kill "$(cat "$pid")" 2>/dev/null || true
  done
  sleep 1
  exit 0
fi

for program in slurmctld slurmd slurmdbd munged mariadbd mariadb-install-db cc; do
  command -v "$program" >/dev/null || { echo "no $program" >&2; exit 77; }
done
[ "$(id -u)" = 0 ] || { echo "SLURM's daemons need root" >&2; exit 77; }

mkdir -p "$folder"/{log,pid,run,state,spool,dev,key}
chmod 700 "$folder/key"
# The daemons listen on every interface and have no setting for it.
cc -shared -fPIC -o "$folder/run/loopback.so" "$here/loopback.c" -ldl
local_only() { LD_PRELOAD="$folder/run/loopback.so" "$@"; }

head -c 128 /dev/urandom > "$folder/key/munge" && chmod 400 "$folder/key/munge"
munged --force --key-file="$folder/key/munge" --socket="$folder/run/munge" --pid-file="$folder/pid/munged" \
  --log-file="$folder/log/munged" --seed-file="$folder/key/seed"
wait_until 30 test -S "$folder/run/munge"

database=$(free_port)
mariadb-install-db --no-defaults --datadir="$folder/db" --auth-root-authentication-method=normal --skip-test-db --user=root \
  > "$folder/log/install" 2>&1
mariadbd --no-defaults --datadir="$folder/db" --socket="$folder/run/db" --port="$database" --bind-address=127.0.0.1 \
  --pid-file="$folder/pid/mariadbd" --innodb-lock-wait-timeout=900 --skip-name-resolve --user=root > "$folder/log/mariadbd" 2>&1 &
wait_until 90 mariadb-admin --no-defaults --socket="$folder/run/db" -u root ping
mariadb --no-defaults --socket="$folder/run/db" -u root -e "create database slurm_acct_db; create user slurm@'127.0.0.1' identified by 'slurm';
  grant all on slurm_acct_db.* to slurm@'127.0.0.1';"

accounting=$(free_port)
cat > "$folder/slurmdbd.conf" <<CONF
AuthType=auth/munge
AuthInfo=socket=$folder/run/munge
DbdHost=localhost
DbdAddr=127.0.0.1
DbdPort=$accounting
SlurmUser=root
LogFile=$folder/log/slurmdbd
PidFile=$folder/pid/slurmdbd
StorageType=accounting_storage/mysql
StorageHost=127.0.0.1
StoragePort=$database
StorageUser=slurm
StoragePass=slurm
StorageLoc=slurm_acct_db
CONF
chmod 600 "$folder/slurmdbd.conf"

host=$(hostname -s)
cat > "$folder/slurm.conf" <<CONF
ClusterName=test
SlurmctldHost=$host(127.0.0.1)
SlurmctldPort=$(free_port)
SlurmUser=root
SlurmdUser=root
AuthType=auth/munge
AuthInfo=socket=$folder/run/munge
CredType=cred/munge
StateSaveLocation=$folder/state
SlurmdSpoolDir=$folder/spool/%n
SlurmctldPidFile=$folder/pid/slurmctld
SlurmdPidFile=$folder/pid/slurmd-%n
SlurmctldLogFile=$folder/log/slurmctld
SlurmdLogFile=$folder/log/slurmd-%n
# Neither systemd nor cgroups are needed.
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
JobAcctGatherType=jobacct_gather/none
SwitchType=switch/none
MpiDefault=none
SelectType=select/cons_tres
SelectTypeParameters=CR_CPU
SchedulerParameters=sched_interval=1,bf_interval=1,sched_min_interval=100000,batch_sched_delay=0
PriorityType=priority/basic
SlurmdParameters=config_overrides
ReturnToService=2
KillWait=5
JobRequeue=1
GresTypes=gpu
AccountingStorageType=accounting_storage/slurmdbd
AccountingStorageHost=127.0.0.1
AccountingStoragePort=$accounting
# For accounting, the socket of munge is taken from here.
AccountingStoragePass=$folder/run/munge
CONF
: > "$folder/gres.conf"
printf 'CgroupPlugin=autodetect\n' > "$folder/cgroup.conf"
for node in n1 n2; do
  gpus=Count=2
  # A GPU must be a device; these are copies of /dev/null.
  mknod "$folder/dev/$node-0" c 1 3 2>/dev/null && mknod "$folder/dev/$node-1" c 1 3 && gpus="File=$folder/dev/$node-[0-1]"
  echo "NodeName=$node Name=gpu $gpus" >> "$folder/gres.conf"
  echo "NodeName=$node NodeHostname=$host NodeAddr=127.0.0.1 Port=$(free_port) CPUs=2 RealMemory=2000 Gres=gpu:2" >> "$folder/slurm.conf"
  mkdir -p "$folder/spool/$node"
done
echo "PartitionName=main Nodes=n1,n2 Default=YES MaxTime=INFINITE State=UP" >> "$folder/slurm.conf"

export SLURM_CONF=$folder/slurm.conf
local_only slurmdbd >&2
wait_until 90 sacctmgr -n list cluster
local_only slurmctld -c >&2
wait_until 60 scontrol ping
for node in n1 n2; do local_only slurmd -N "$node" >&2; done
wait_until 90 bash -c '[ "$(sinfo -h -N -t idle -o %N | wc -l)" = 2 ]'
echo "$SLURM_CONF"
