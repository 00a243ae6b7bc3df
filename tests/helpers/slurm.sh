#!/usr/bin/env bash
# A Slurm of one node on a bare Debian 12, as root and without systemd, for tests.
#
#   slurm.sh install               what `up` needs, with apt-get (slurm-wlm, munge; slurmdbd, MariaDB)
#   slurm.sh up [--accounting]     start it; CPUS=8 MEM=16000 (MB) say what the node offers
#   slurm.sh restart-controller    stop slurmctld and start it again five seconds later
#   slurm.sh down                  stop it, and remove its state
#
# It keeps everything below SLURM_HOME, but /etc/slurm/slurm.conf, where the programs look, and
# munge's own folders. It refuses to touch a Slurm that it did not set up itself.
set -euo pipefail

SLURM_HOME=${SLURM_HOME:-/var/tmp/mrxs-tiles-slurm}
CPUS=${CPUS:-8}
MEM=${MEM:-16000}
NODE=$(hostname -s)
CONF=/etc/slurm/slurm.conf
DBD_CONF=/etc/slurm/slurmdbd.conf
MARK="# written by tests/helpers/slurm.sh"
PACKAGES="slurm-wlm munge slurmdbd mariadb-server"

wait_for() { # seconds, what is waited for, command: until it succeeds
    local tries=$(($1 * 5)) what=$2
    shift 2
    for ((i = 0; i < tries; i++)); do
        "$@" >/dev/null 2>&1 && return 0
        sleep 0.2
    done
    echo "$what did not come: $*" >&2
    return 1
}

install_packages() {
    # shellcheck disable=SC2086 # a list
    dpkg -s $PACKAGES >/dev/null 2>&1 && return
    apt-get update -qq
    # shellcheck disable=SC2086
    DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $PACKAGES >/dev/null
}

refuse_foreign() {
    if [ -e "$CONF" ] && ! grep -qF "$MARK" "$CONF"; then
        echo "$CONF is there and not from this script: it is left alone" >&2
        exit 1
    fi
}

start_munge() { # proves to Slurm's programs who asks; particular about owners and modes
    install -d -o munge -g munge -m 0755 /run/munge
    install -d -o munge -g munge -m 0700 /etc/munge /var/lib/munge /var/log/munge
    [ -s /etc/munge/munge.key ] || head -c 1024 /dev/urandom >/etc/munge/munge.key
    chown munge:munge /etc/munge/munge.key
    chmod 0400 /etc/munge/munge.key
    munge -n >/dev/null 2>&1 || setpriv --reuid=munge --regid=munge --clear-groups /usr/sbin/munged
    wait_for 10 munged munge -n
}

write_conf() { # $1: how accounting is kept
    mkdir -p /etc/slurm "$SLURM_HOME"/{ctld,d,log}
    cat >"$CONF" <<CONF
$MARK
ClusterName=mrxstiles
SlurmctldHost=$NODE(127.0.0.1)
SlurmUser=root
SlurmdUser=root
AuthType=auth/munge
CredType=cred/munge
MpiDefault=none
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
SwitchType=switch/none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core_Memory
# more cores than the machine has
SlurmdParameters=config_overrides
SchedulerParameters=bf_interval=1,sched_min_interval=0
ReturnToService=2
# a job that is stopped for a more urgent one begins again
PreemptType=preempt/partition_prio
PreemptMode=REQUEUE
# a job above the memory that it asked for is killed, looked at every second
JobAcctGatherType=jobacct_gather/linux
JobAcctGatherFrequency=task=1
JobAcctGatherParams=OverMemoryKill
KillWait=2
# ended jobs are forgotten early
MinJobAge=20
StateSaveLocation=$SLURM_HOME/ctld
SlurmdSpoolDir=$SLURM_HOME/d
SlurmctldPidFile=$SLURM_HOME/slurmctld.pid
SlurmdPidFile=$SLURM_HOME/slurmd.pid
SlurmctldLogFile=$SLURM_HOME/log/slurmctld.log
SlurmdLogFile=$SLURM_HOME/log/slurmd.log
$1
NodeName=$NODE NodeAddr=127.0.0.1 CPUs=$CPUS RealMemory=$MEM State=UNKNOWN
PartitionName=main Nodes=$NODE Default=YES MaxTime=24:00:00 PriorityTier=1 State=UP
PartitionName=urgent Nodes=$NODE MaxTime=24:00:00 PriorityTier=9 PreemptMode=OFF State=UP
CONF
}

start_accounting() {
    install -d -o mysql -g mysql /run/mysqld "$SLURM_HOME/mariadb"
    [ -d "$SLURM_HOME/mariadb/mysql" ] ||
        mariadb-install-db --user=mysql --datadir="$SLURM_HOME/mariadb" >"$SLURM_HOME/log/mariadb-install.log" 2>&1
    if ! mysqladmin --socket="$SLURM_HOME/mariadb/socket" ping >/dev/null 2>&1; then
        setsid mariadbd --no-defaults --user=mysql --datadir="$SLURM_HOME/mariadb" --socket="$SLURM_HOME/mariadb/socket" \
            --pid-file="$SLURM_HOME/mariadb/server.pid" --bind-address=127.0.0.1 --port=33061 \
            >"$SLURM_HOME/log/mariadb.log" 2>&1 </dev/null &
    fi
    wait_for 60 MariaDB mysqladmin --socket="$SLURM_HOME/mariadb/socket" ping
    mariadb --socket="$SLURM_HOME/mariadb/socket" -e "
        CREATE DATABASE IF NOT EXISTS slurm_acct_db;
        CREATE USER IF NOT EXISTS 'slurm'@'127.0.0.1' IDENTIFIED BY 'slurm';
        CREATE USER IF NOT EXISTS 'slurm'@'localhost' IDENTIFIED BY 'slurm';
        GRANT ALL ON slurm_acct_db.* TO 'slurm'@'127.0.0.1';
        GRANT ALL ON slurm_acct_db.* TO 'slurm'@'localhost';"
    cat >"$DBD_CONF" <<CONF
$MARK
AuthType=auth/munge
DbdHost=$NODE
DbdAddr=127.0.0.1
SlurmUser=root
StorageType=accounting_storage/mysql
StorageHost=127.0.0.1
StoragePort=33061
StorageUser=slurm
StoragePass=slurm
StorageLoc=slurm_acct_db
LogFile=$SLURM_HOME/log/slurmdbd.log
PidFile=$SLURM_HOME/slurmdbd.pid
CONF
    chmod 600 "$DBD_CONF"
    pgrep -x slurmdbd >/dev/null || slurmdbd
    wait_for 60 slurmdbd sacctmgr -n list cluster
    sacctmgr -n list cluster format=cluster | grep -qw mrxstiles || sacctmgr -i add cluster mrxstiles >/dev/null
    sacctmgr -n list account format=account | grep -qw lab || sacctmgr -i add account lab Cluster=mrxstiles >/dev/null
    sacctmgr -n list assoc format=user | grep -qw root ||
        sacctmgr -i add user root Account=lab DefaultAccount=lab >/dev/null
    # root is known as an administrator, so that only its associations count
}

up() {
    refuse_foreign
    getent hosts "$NODE" >/dev/null || echo "127.0.0.1 $NODE" >>/etc/hosts
    start_munge
    if [ "${1:-}" = --accounting ]; then
        write_conf "AccountingStorageType=accounting_storage/slurmdbd
AccountingStorageHost=127.0.0.1"
        start_accounting
    else
        write_conf "AccountingStorageType=accounting_storage/none"
    fi
    pgrep -x slurmctld >/dev/null || slurmctld
    pgrep -x slurmd >/dev/null || slurmd
    wait_for 30 "an idle node" sh -c '[ "$(sinfo -h -p main -o %T)" = idle ]'
}

stop() { # a daemon, by the pid that it wrote
    local pid
    pid=$(cat "$SLURM_HOME/$1.pid" 2>/dev/null) || return 0
    kill "$pid" 2>/dev/null || return 0
    wait_for 15 "the end of $1" sh -c "! kill -0 $pid" || kill -KILL "$pid"
}

down() {
    refuse_foreign
    scancel --quiet --user="$(id -un)" 2>/dev/null || true
    stop slurmd
    stop slurmctld
    stop slurmdbd
    stop mariadb/server
    rm -rf "$SLURM_HOME" "$CONF" "$DBD_CONF"
}

case "${1:-}" in
install) install_packages ;;
up) up "${2:-}" ;;
restart-controller)
    stop slurmctld
    sleep 5
    slurmctld
    wait_for 30 slurmctld scontrol ping
    ;;
down) down ;;
*)
    sed -n '2,12s/^# \{0,1\}//p' "$0" >&2
    exit 2
    ;;
esac
