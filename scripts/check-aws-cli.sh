#!/bin/sh
# Checks that the AWS CLI understands the local region: starts one on a free port and a scratch folder, and runs the
# commands a person would. Needs `aws` on the PATH (any 1.x or 2.x); without it nothing is checked and it says so.
# Not part of `npm test`. Usage: scripts/check-aws-cli.sh
set -eu

if ! command -v aws >/dev/null 2>&1; then
  echo "SKIPPED: there is no aws on the PATH, so the AWS CLI was NOT checked against the local region." >&2
  exit 0
fi

root=$(cd "$(dirname "$0")/.." && pwd)
scratch=$(mktemp -d)
region_pid=
finish() {
  status=$?
  [ -n "$region_pid" ] && kill "$region_pid" 2>/dev/null && wait "$region_pid" 2>/dev/null
  rm -rf "$scratch"
  [ "$status" -eq 0 ] || echo "FAILED (the last check above)" >&2
  exit "$status"
}
trap finish EXIT
trap 'exit 3' INT TERM

"$root/bin/landfall.js" local --port 0 --time-scale 0.01 --wait-ms 50 --state-folder "$scratch/state" --json \
  >"$scratch/region.json" 2>"$scratch/region.log" &
region_pid=$!
tries=0
until grep -q endpoint "$scratch/region.json" 2>/dev/null; do
  tries=$((tries + 1))
  if [ "$tries" -gt 600 ] || ! kill -0 "$region_pid" 2>/dev/null; then
    echo "The local region did not start:" >&2
    cat "$scratch/region.log" >&2
    exit 1
  fi
  sleep 0.2
done

AWS_ENDPOINT_URL=$(sed -n 's/.*"endpoint":"\([^"]*\)".*/\1/p' "$scratch/region.json")
AWS_ACCESS_KEY_ID=local
AWS_SECRET_ACCESS_KEY=local
AWS_DEFAULT_REGION=us-east-1
AWS_PAGER=
AWS_EC2_METADATA_DISABLED=true
# A person's own profiles and settings must not decide what is checked.
AWS_CONFIG_FILE=$scratch/no-config
AWS_SHARED_CREDENTIALS_FILE=$scratch/no-credentials
export AWS_ENDPOINT_URL AWS_ACCESS_KEY_ID AWS_SECRET_ACCESS_KEY AWS_DEFAULT_REGION AWS_PAGER
export AWS_EC2_METADATA_DISABLED AWS_CONFIG_FILE AWS_SHARED_CREDENTIALS_FILE
unset AWS_PROFILE AWS_REGION 2>/dev/null || true
echo "$(aws --version 2>&1), region at $AWS_ENDPOINT_URL"

# check WHAT COMMAND…: the command succeeds; its output is in $output.
check() {
  what=$1
  shift
  if ! output=$("$@" 2>&1); then
    printf 'not ok  %s\n%s\n' "$what" "$output"
    exit 1
  fi
  echo "ok      $what"
}
# equal WHAT FOUND EXPECTED
equal() {
  if [ "$2" != "$3" ]; then
    printf 'not ok  %s: found "%s", expected "%s"\n' "$1" "$2" "$3"
    exit 1
  fi
  echo "ok      $1"
}
# refused WHAT CODE COMMAND…: the command fails, naming the error code.
refused() {
  what=$1
  code=$2
  shift 2
  if output=$("$@" 2>&1); then
    printf 'not ok  %s: it succeeded\n%s\n' "$what" "$output"
    exit 1
  fi
  case $output in
    *"($code)"*) echo "ok      $what" ;;
    *)
      printf 'not ok  %s: %s\n' "$what" "$output"
      exit 1
      ;;
  esac
}

check 'sts get-caller-identity' aws sts get-caller-identity --query Account --output text
equal 'the account' "$output" 123456789012

# S3, both ways, with sizes of one part, several parts (the CLI splits above 8 MiB), nothing, and mostly zeros.
files=$scratch/files
mkdir -p "$files/deep/er"
head -c 100 /dev/urandom >"$files/small"
head -c 20000001 /dev/urandom >"$files/deep/parts"
: >"$files/deep/er/empty"
dd if=/dev/urandom of="$files/deep/er/sparse" bs=1024 count=10 seek=30000 2>/dev/null
check 's3 mb' aws s3 mb s3://cli-check
check 's3 cp up' aws s3 cp --no-progress "$files/deep/parts" s3://cli-check/copied/parts
check 's3 cp down' aws s3 cp --no-progress s3://cli-check/copied/parts "$scratch/parts"
check 'the bytes are the same' cmp "$files/deep/parts" "$scratch/parts"
check 's3 cp within' aws s3 cp --no-progress s3://cli-check/copied/parts s3://cli-check/copied/again
check 's3 sync up' aws s3 sync --no-progress "$files" s3://cli-check/synced
check 's3 sync up again' aws s3 sync --no-progress "$files" s3://cli-check/synced
equal 'a second sync has nothing to do' "$output" ''
check 's3 sync down' aws s3 sync --no-progress s3://cli-check/synced "$scratch/back"
check 'the folders are the same' diff -r "$files" "$scratch/back"
check 's3 ls' aws s3 ls s3://cli-check/
equal 'its prefixes' "$(echo "$output" | tr -d ' ' | tr '\n' ' ')" 'PREcopied/ PREsynced/ '
check 's3 ls --recursive' aws s3 ls --recursive s3://cli-check
equal 'its sizes and keys' "$(echo "$output" | awk '{ print $3, $4 }' | tr '\n' ';')" \
  '20000001 copied/again;20000001 copied/parts;0 synced/deep/er/empty;30730240 synced/deep/er/sparse;20000001 synced/deep/parts;100 synced/small;'
check 's3 cp from a pipe' sh -c 'head -c 9000000 /dev/zero | aws s3 cp --no-progress - s3://cli-check/piped'
check 's3 presign' aws s3 presign s3://cli-check/synced/small
check 'a presigned URL' curl -sf "$output" -o "$scratch/presigned"
check 'its bytes' cmp "$files/small" "$scratch/presigned"
check 's3api head-object' aws s3api head-object --bucket cli-check --key copied/parts --checksum-mode ENABLED
check 's3api list-object-versions is said not to be simulated' sh -c '! aws s3api list-object-versions --bucket cli-check'
refused 's3api get-object of nothing' NoSuchKey aws s3api get-object --bucket cli-check --key none "$scratch/none"
refused 's3api delete-bucket that is not empty' BucketNotEmpty aws s3api delete-bucket --bucket cli-check
check 's3 rm --recursive' aws s3 rm --recursive --quiet s3://cli-check
check 's3 rb' aws s3 rb s3://cli-check

check 'ec2 describe-instances' aws ec2 describe-instances
check 'ec2 describe-volumes' aws ec2 describe-volumes
check 'ec2 describe-snapshots' aws ec2 describe-snapshots --owner-ids self
check 'ec2 describe-import-snapshot-tasks' aws ec2 describe-import-snapshot-tasks
check 'ec2 describe-images' aws ec2 describe-images --owners amazon
check 'ec2 describe-subnets' aws ec2 describe-subnets --query 'Subnets[].AvailabilityZone' --output text
equal 'the subnets' "$(echo "$output" | tr '\t' '\n' | sort | tr '\n' ' ')" 'us-east-1a us-east-1b us-east-1c '
check 'ec2 create-volume' aws ec2 create-volume --availability-zone us-east-1a --size 1 --volume-type gp3 \
  --tag-specifications 'ResourceType=volume,Tags=[{Key=Name,Value=cli check}]' --query VolumeId --output text
volume=$output
check 'ec2 wait volume-available' aws ec2 wait volume-available --volume-ids "$volume"
check 'ec2 describe-volumes with a filter' aws ec2 describe-volumes --filters 'Name=tag:Name,Values=cli check' \
  --query 'Volumes[0].VolumeId' --output text
equal 'the volume found' "$output" "$volume"
refused 'ec2 describe-volumes of nothing' InvalidVolume.NotFound aws ec2 describe-volumes --volume-ids vol-0123456789abcdef0
check 'ec2 delete-volume' aws ec2 delete-volume --volume-id "$volume"

check 'cloudformation describe-stacks' aws cloudformation describe-stacks --query 'Stacks[0].StackStatus' --output text
equal 'the stack' "$output" CREATE_COMPLETE
check 'lambda list-functions' aws lambda list-functions --query 'length(Functions) > `0`' --output text
equal 'there are functions' "$output" True

check 'the output that names the state machine' aws cloudformation describe-stacks \
  --query "Stacks[0].Outputs[?OutputKey=='RestoreStateMachineArn'].OutputValue | [0]" --output text
machine=$output
check 'stepfunctions list-state-machines' aws stepfunctions list-state-machines \
  --query "stateMachines[?stateMachineArn=='$machine'] | length(@)" --output text
equal 'the state machine is listed' "$output" 1
check 'stepfunctions describe-state-machine' aws stepfunctions describe-state-machine --state-machine-arn "$machine"
# A restore of what is not there: it is to run, and to fail, which is enough to see an execution.
check 'stepfunctions start-execution' aws stepfunctions start-execution --state-machine-arn "$machine" \
  --name cli-check-1 --input '{"restorePoint":{"workload":"none","at":"latest"}}' --query executionArn --output text
execution=$output
status=RUNNING
tries=0
while [ "$status" = RUNNING ] && [ "$tries" -lt 60 ]; do
  check 'stepfunctions describe-execution' aws stepfunctions describe-execution --execution-arn "$execution" \
    --query status --output text
  status=$output
  tries=$((tries + 1))
  sleep 0.5
done
equal 'its status' "$status" FAILED
check 'stepfunctions get-execution-history' aws stepfunctions get-execution-history --execution-arn "$execution" \
  --query 'events[0].type' --output text
equal 'its first event' "$output" ExecutionStarted
check 'stepfunctions list-executions' aws stepfunctions list-executions --state-machine-arn "$machine" \
  --query 'executions[0].name' --output text
equal 'the execution listed' "$output" cli-check-1
refused 'stepfunctions describe-execution of nothing' ExecutionDoesNotExist aws stepfunctions describe-execution \
  --execution-arn "${execution%cli-check-1}none"

echo "The AWS CLI gets along with the local region."
