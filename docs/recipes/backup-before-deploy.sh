#!/bin/sh
# Backs up a GaussDB instance before a deployment and waits until the backup is completed.
# How to use it in GitHub Actions and GitLab is told in the README beside it.
set -eu

usage() {
    cat >&2 <<'END'
usage: backup-before-deploy.sh INSTANCE_ID

Needs the AWS command line with credentials and a region, and these variables:
  BACKUP_STATE_MACHINE_ARN  the stack's output BackupStateMachineArn
  BACKUP_RUN                what makes this run of the pipeline unique, the same when it is
                            repeated; GitHub Actions and GitLab need not set it
  BACKUP_NAME_PREFIX        how the backup's name begins (before-deploy)
  BACKUP_POLL_SECONDS       the time between two looks (15)

Prints the outcome as JSON. Ends with 0 if the backup is completed, 1 if it failed, 3 if it was not
completed within the state machine's time limit, and 2 if it was not asked for in the right way.
END
    exit 2
}

say() { printf 'backup: %s\n' "$*" >&2; }

refuse() {
    say "$*"
    usage
}

default_run() {
    if [ -n "${GITHUB_RUN_ID:-}" ]; then
        printf '%s' "${GITHUB_REPOSITORY:-}-$GITHUB_RUN_ID"
    elif [ -n "${CI_PIPELINE_ID:-}" ]; then
        printf '%s' "${CI_PROJECT_PATH:-}-$CI_PIPELINE_ID"
    fi
}

# start EXECUTION KEY: succeeds if it was started, fails if there is one of that name.
start() {
    input=$(printf '{"instance_id":"%s","name_prefix":"%s","idempotency_key":"%s"}' \
        "$instance" "$prefix" "$2")
    if said=$(aws stepfunctions start-execution --state-machine-arn "$machine" --name "$1" \
        --input "$input" --output text 2>&1); then
        say "execution $1 runs"
        return 0
    fi
    case $said in
    *ExecutionAlreadyExists*)
        say "execution $1 is there already"
        return 1
        ;;
    esac
    say "$said"
    exit 1
}

# look EXECUTION: sets status, error and outcome. A look may fail now and then; the tenth in a row
# is no accident.
look() {
    troubles=0
    while ! seen=$(aws stepfunctions describe-execution --execution-arn "$executions:$1" \
        --query '[status, error, output || cause]' --output text); do
        troubles=$((troubles + 1))
        [ "$troubles" -lt 10 ] || exit 1
        sleep "$pause"
    done
    status=${seen%%"$tab"*}
    error=${seen#*"$tab"}
    outcome=${error#*"$tab"}
    error=${error%%"$tab"*}
}

tab=$(printf '\t')
instance=${1:-}
machine=${BACKUP_STATE_MACHINE_ARN:-}
run=${BACKUP_RUN:-$(default_run)}
prefix=${BACKUP_NAME_PREFIX:-before-deploy}
pause=${BACKUP_POLL_SECONDS:-15}

[ $# -eq 1 ] || usage
case $machine in *:stateMachine:*) ;; *) refuse 'BACKUP_STATE_MACHINE_ARN is not set' ;; esac
[ -n "$run" ] || refuse 'BACKUP_RUN is not set'
case $instance in '' | *[!A-Za-z0-9]*) refuse 'INSTANCE_ID is not one' ;; esac
case $prefix in *[!A-Za-z0-9_-]*) refuse 'BACKUP_NAME_PREFIX has characters that a name may not have' ;; esac

of_machine=${machine#*:stateMachine:}
executions=${machine%%:stateMachine:*}:execution:${of_machine%%:*}
# The end of the run is what makes it unique; a name has 80 characters.
name=$(printf '%s' "$run-$instance" | tr -c 'A-Za-z0-9_-' '-' | tail -c 76)

# A repeated run follows what the first one began. Only if that ended badly it asks once more, under
# the same key: what was made in spite of it is found. A backup that failed has spent its key.
attempt=1
execution=$name
key=$name
while :; do
    if start "$execution" "$key"; then ours=yes; else ours=no; fi
    look "$execution"
    while [ "$status" = RUNNING ]; do
        ours=yes
        sleep "$pause"
        look "$execution"
    done
    if [ "$ours" = yes ] || [ "$status" = SUCCEEDED ] || [ "$attempt" -ge 50 ]; then break; fi
    say "an earlier run ended as $status, another begins"
    attempt=$((attempt + 1))
    execution=${name}_$attempt
    case $outcome in *'"error":'*'"BackupFailed"'*) key=$execution ;; esac
done

printf '%s\n' "$outcome"
case $status,$error in
SUCCEEDED,*)
    say completed
    exit 0
    ;;
*,timed_out)
    say 'not completed within the time limit; it may be building still'
    exit 3
    ;;
*)
    say "failed: the execution ended as $status"
    exit 1
    ;;
esac
