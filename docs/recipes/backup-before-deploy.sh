#!/bin/sh
# Backs up a GaussDB instance before a deployment and waits until the backup is completed.
# The README beside it shows how to use it in GitHub Actions and GitLab.
set -eu

usage() {
    cat >&2 <<'END'
usage: backup-before-deploy.sh INSTANCE_ID

Needs the AWS command line with credentials and a region, and these variables:
  BACKUP_STATE_MACHINE_ARN  the stack's output BackupStateMachineArn
  BACKUP_RUN                identifies this run of the pipeline, and is the same when the run is
                            repeated; GitHub Actions and GitLab need not set it
  BACKUP_NAME_PREFIX        how the backup's name begins (before-deploy)
  BACKUP_POLL_SECONDS       the time between two looks (15)

Prints the outcome as JSON on standard output, and the rest on standard error. Ends with 0 if the
backup is completed, 1 if it failed, 3 if it was not completed within the state machine's time
limit, and 2 if the script was called in the wrong way.
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

# look EXECUTION: sets status, error, asked and outcome. A look may fail now and then; the tenth
# failure in a row ends the job. The cause is read before the output, because only one of them is
# there on AWS, but some emulators give a failed execution an output too.
look() {
    troubles=0
    while ! seen=$(aws stepfunctions describe-execution --execution-arn="$executions:$1" \
        --query='[status, error, input, cause || output]' --output=text); do
        troubles=$((troubles + 1))
        [ "$troubles" -lt 10 ] || exit 1
        sleep "$pause"
    done
    status=${seen%%"$tab"*} seen=${seen#*"$tab"}
    error=${seen%%"$tab"*} seen=${seen#*"$tab"}
    asked=${seen%%"$tab"*} outcome=${seen#*"$tab"}
    case $outcome in
    '{'*) ;;
    *) # the execution was stopped, or Step Functions itself ended it
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

# text NAME: the text of that name in the outcome, as JSON writes it
text() { printf '%s' "$outcome" | sed -nE 's/.*"'"$1"'": ?"(([^"\\]|\\.)*)".*/\1/p'; }

# wait_more EXECUTION: waits until the next look, and says so every five minutes
wait_more() {
    sleep "$pause"
    now=$(date +%s)
    if [ $((now - told)) -ge 300 ]; then
        say "execution $1 still runs, after $(((now - began) / 60)) minutes"
        told=$now
    fi
}

without_blanks() { printf '%s' "$1" | tr -d ' '; }

tab=$(printf '\t')
instance=${1:-}
machine=${BACKUP_STATE_MACHINE_ARN:-}
run=${BACKUP_RUN:-$(default_run)}
prefix=${BACKUP_NAME_PREFIX:-before-deploy}
pause=${BACKUP_POLL_SECONDS:-15}

began=$(date +%s) told=$began

[ $# -eq 1 ] || usage
case $machine in *:stateMachine:*) ;; *) refuse 'BACKUP_STATE_MACHINE_ARN is not set' ;; esac
[ -n "$run" ] || refuse 'BACKUP_RUN is not set'
case $instance in '' | *[!A-Za-z0-9]*) refuse 'INSTANCE_ID is not one' ;; esac
case $prefix in [!A-Za-z]* | *[!A-Za-z0-9_-]*) refuse 'BACKUP_NAME_PREFIX is not how a name may begin' ;; esac
[ ${#prefix} -le 34 ] || refuse 'BACKUP_NAME_PREFIX has more than 34 characters'
case $pause in *[!0-9.]* | *.*.* | .* | *.) pause='' ;; *[1-9]*) ;; *) pause='' ;; esac
[ -n "$pause" ] || refuse 'BACKUP_POLL_SECONDS is no number of seconds above 0'

of_machine=${machine#*:stateMachine:}
executions=${machine%%:stateMachine:*}:execution:${of_machine%%:*}
# An execution's name has at most 80 characters, and only these. The checksum distinguishes runs whose
# names differ only in what is cut off or replaced.
sum=$(printf '%s' "$run" | cksum)
name=r${sum%% *}-$(printf '%s' "$run-$instance" | LC_ALL=C tr -c 'A-Za-z0-9_-' '-' | tail -c 64)

# A repeated run follows the execution of the first one. Only if that failed it starts another one,
# under the same key and prefix, so that a backup that was made after all is found. A backup that
# itself failed has used up its key.
attempt=1
execution=$name
key=$name
while :; do
    if start "$execution" "$key"; then ours=yes; else ours=no; fi
    look "$execution"
    while [ "$status" = RUNNING ]; do
        ours=yes
        wait_more "$execution"
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
    say 'not completed within the time limit; it may still be building'
    exit 3
fi
say "failed: the execution ended as $status, without a completed backup"
say "reason: $(text error): $(text cause)"
exit 1
