import { workloadSchema } from '../../../core/model/manifest.ts';
import type { RestoreRequest } from '../../../core/model/request.ts';
import type { TargetFacts } from './facts.ts';
import type { Findings } from './findings.ts';
import { findKnownTypes } from './instance-type.ts';
import { findKeyPair } from './key-pair.ts';
import { checkAddress, findSecurityGroups } from './network.ts';
import { findSubnet } from './subnet.ts';
import { planVolumes } from './volumes-only.ts';

/** Of a machine that is not known: whatever hangs on it is not looked at. */
const UNKNOWN_MACHINE = workloadSchema.parse({
  name: 'unknown',
  kind: 'ec2',
  platform: 'linux',
  architecture: 'x86_64',
});

/** Looks at what a request says about the target, where it cannot be held against the machine. */
export async function checkWithoutManifest(request: RestoreRequest, findings: Findings): Promise<void> {
  const { target } = request;
  const facts: TargetFacts = {
    workload: UNKNOWN_MACHINE,
    request,
    launchImage: undefined,
    disks: [],
    findings,
  };
  if (request.restoreTo === 'volumes') {
    if ((target.subnetId ?? target.subnetIds ?? target.availabilityZone) !== undefined)
      await planVolumes(facts);
    return;
  }
  // Everything about it hangs on the machine.
  if (request.restoreTo === 'original') return;
  const namesSubnet = target.subnetId !== undefined || target.subnetIds !== undefined;
  const subnet = namesSubnet ? await findSubnet(facts) : undefined;
  if (subnet && target.securityGroupIds !== undefined) await findSecurityGroups(facts, subnet);
  await checkAddress(facts, subnet);
  if (target.keyName !== undefined) await findKeyPair(facts);
  await findKnownTypes(facts, subnet?.AvailabilityZone);
}
