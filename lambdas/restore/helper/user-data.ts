import {
  HELPER_HEADER_PREFIX,
  type HelperHeader,
  helperHeaderSchema,
  INSTANCE_ID_PLACEHOLDER,
} from '../../../core/model/helper.ts';

/**
 * The user data of a helper appliance, as text (RunInstances wants it in Base64): a script of which the second line is
 * the header, as JSON. Equal headers make equal bytes. Well below the 16 KB that EC2 takes.
 * @throws ZodError when the header is not one
 */
export function makeUserData(header: HelperHeader): string {
  const { bundle, sha256, folder, region, deadline } = helperHeaderSchema.parse(header);
  return [
    '#!/bin/bash',
    `${HELPER_HEADER_PREFIX}${JSON.stringify(header)}`,
    SCRIPT_HEAD,
    `bundle=${quoted(bundle)}`,
    `sha256=${quoted(sha256)}`,
    `folder=${quoted(folder)}`,
    `region=${quoted(region)}`,
    `deadline=${quoted(deadline)}`,
    `deadline_seconds=${Math.floor(Date.parse(deadline) / 1000)}`,
    `placeholder=${quoted(INSTANCE_ID_PLACEHOLDER)}`,
    SCRIPT,
  ].join('\n');
}

/** One word of bash, whatever is in it. */
const quoted = (text: string): string => `'${text.replaceAll("'", "'\\''")}'`;

/*
 * Every command is in the standard image of Amazon Linux 2023, so that no package repository is needed: the AWS CLI 2
 * (awscli-2), curl-minimal, tar, gzip, coreutils, systemd. They are named by the "Default AMI" lists of
 * https://docs.aws.amazon.com/linux/al2023/release-notes/ (2023.3.20240108: tar, curl-minimal; 2023.6.20241209:
 * awscli-2, cloud-init; 2023.10.20260105: systemd), and curl-minimal by linux/al2023/ug/curl-minimal.html.
 *
 * cloud-init runs the script once, as root, when network and metadata are there. What it says goes to a log, and on the
 * console where GetConsoleOutput reads it. A shutdown ends the instance (InstanceInitiatedShutdownBehavior: terminate).
 */
const SCRIPT_HEAD = `# Makes this instance a helper appliance of Landfall, or ends it.
set -Eeuo pipefail

log=/var/log/landfall-helper.log

say() {
  echo "landfall-helper: $*"
  echo "landfall-helper: $*" >/dev/console || true
}

at_exit() {
  local status=$?
  if [[ $status -eq 0 ]]; then return; fi
  say "not brought up: status $status; this instance ends. The last lines of $log:"
  tail -n 20 "$log" >/dev/console || true
  shutdown -P now || systemctl poweroff --force
}
trap at_exit EXIT
exec >>"$log" 2>&1
`;

const SCRIPT = String.raw`
# The last safety, before anything else: whatever happens to the program, the machine ends.
minutes_left=$(((deadline_seconds - $(date +%s)) / 60))
if [[ $minutes_left -lt 1 ]]; then
  echo "the deadline $deadline has passed"
  exit 1
fi
shutdown -P "+$minutes_left"

# Of all name servers only Amazon's own is let through by security groups without a rule, and it answers at this address in
# every VPC, whatever name servers the VPC's DHCP options name (VPC User Guide, "Amazon DNS server"). "~." is every name.
mkdir -p /run/systemd/resolved.conf.d
printf '[Resolve]\nDNS=169.254.169.253\nDomains=~.\n' >/run/systemd/resolved.conf.d/landfall-helper.conf
systemctl restart systemd-resolved.service || say "systemd-resolved is not restarted: names are asked of the VPC's servers"

# IMDSv2 only: the instance is launched with HttpTokens=required.
metadata() {
  curl --fail --silent --show-error --noproxy '*' --connect-timeout 2 --max-time 5 \
    --retry 10 --retry-delay 2 --retry-connrefused "$@"
}
token=$(metadata -X PUT -H 'X-aws-ec2-metadata-token-ttl-seconds: 300' http://169.254.169.254/latest/api/token)
instance_id=$(metadata -H "X-aws-ec2-metadata-token: $token" http://169.254.169.254/latest/meta-data/instance-id)
if [[ ! $instance_id =~ ^i-[0-9a-f]+$ ]]; then
  echo "the metadata service says that this instance is $instance_id"
  exit 1
fi
say "$instance_id fetches $bundle"

# Gateway endpoints for S3 are of one region, and its plain name resolves to what they route.
export HOME=/root AWS_REGION="$region" AWS_DEFAULT_REGION="$region" AWS_USE_DUALSTACK_ENDPOINT=false AWS_PAGER=
export AWS_RETRY_MODE=standard AWS_MAX_ATTEMPTS=3
archive=/opt/landfall-helper.tar.gz
# Ten minutes: who waits for the first report takes the helper for lost after fifteen.
fetch_until=$(($(date +%s) + 600))
until timeout 180 aws s3 cp "$bundle" "$archive" --region "$region" --only-show-errors \
  --cli-connect-timeout 10 --cli-read-timeout 30; do
  if [[ $(date +%s) -ge $fetch_until ]]; then
    echo "S3 could not be read for ten minutes: does the subnet have a gateway endpoint for S3 or another way to it," \
      "and may the role read the bundle?"
    exit 1
  fi
  sleep 10
done

# Nothing of the archive is used before it is known to be the one that the stack was deployed with.
echo "$sha256  $archive" | sha256sum --check --quiet -
tar -xzf "$archive" -C /opt --no-same-owner
rm "$archive"

export LANDFALL_FOLDER="${'$'}{folder//"$placeholder"/$instance_id}"
export LANDFALL_INSTANCE_ID="$instance_id" LANDFALL_REGION="$region" LANDFALL_DEADLINE="$deadline"
/opt/landfall-helper/bring-up.sh
say "$instance_id is up"
`;
