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
    if said=$(aws stepfunctions start-execution --state-machine-arn="$machine" --name="$1" \
        --input="$input" --output=text 2>&1); then
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

# look EXECUTION: sets status, error, asked and outcome. A look may fail now and then; the tenth in a
# row is no accident.
look() {
    troubles=0
    while ! seen=$(aws stepfunctions describe-execution --execution-arn="$executions:$1" \
        --query='[status, error, input, output || cause]' --output=text); do
        troubles=$((troubles + 1))
        [ "$troubles" -lt 10 ] || exit 1
        sleep "$pause"
    done
    status=${seen%%"$tab"*} seen=${seen#*"$tab"}
    error=${seen%%"$tab"*} seen=${seen#*"$tab"}
    asked=${seen%%"$tab"*} outcome=${seen#*"$tab"}
    case $outcome in
    '{'*) ;;
    *) # it was stopped, or Step Functions itself ended it
        [ "$error" != None ] || error=$status
        outcome=$(printf '{"outcome":"failed","instance_id":"%s","error":"%s","cause":"%s"}' "$instance" \
            "$(printf '%s' "$error" | tr -cd 'A-Za-z0-9._-')" "the execution ended as $status")
        ;;
    esac
}

# whether the outcome, which is JSON, has the text $1
has() {
    case $(without_blanks "$outcome") in *"$1"*) return 0 ;; esac
    return 1
}

without_blanks() { printf '%s' "$1" | tr -d ' '; }

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
case $prefix in [!A-Za-z]* | *[!A-Za-z0-9_-]*) refuse 'BACKUP_NAME_PREFIX is not how a name may begin' ;; esac
[ ${#prefix} -le 34 ] || refuse 'BACKUP_NAME_PREFIX has more than 34 characters'

of_machine=${machine#*:stateMachine:}
executions=${machine%%:stateMachine:*}:execution:${of_machine%%:*}
# An execution's name has 80 characters and no others than these; the sum tells runs apart whose names
# differ in what is cut off or replaced.
sum=$(printf '%s' "$run" | cksum)
name=r${sum%% *}-$(printf '%s' "$run-$instance" | LC_ALL=C tr -c 'A-Za-z0-9_-' '-' | tail -c 64)

# A repeated run follows what the first one began. Only if that ended badly it asks once more, under
# the same key and prefix: what was made in spite of it is found. A backup that failed has spent its
# key.
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
    prefix=$(without_blanks "$asked")
    prefix=${prefix#*'"name_prefix":"'} prefix=${prefix%%'"'*}
    ! has '"error":"BackupFailed"' || key=$execution
done

printf '%s\n' "$outcome"
if [ "$status" = SUCCEEDED ] && has '"outcome":"completed"'; then
    say completed
    exit 0
elif [ "$error" = timed_out ]; then
    say 'not completed within the time limit; it may be building still'
    exit 3
fi
say "failed: the execution ended as $status, without a completed backup"
exit 1
