import type { StartSnapshotRequest, StartSnapshotResponse } from '@aws-sdk/client-ebs';
import { BLOCK_BYTES } from '../ec2/block-map.ts';
import type { Encryption } from '../ec2/kms.ts';
import type { SnapshotRecord, Tag } from '../ec2/records.ts';
import { parseTags } from '../ec2/tags.ts';
import { AwsError, type Call } from '../service.ts';
import { checkCompleted, checkSnapshotId } from './checks.ts';
import { conflict, invalid, invalidParameter, noSuchSnapshot, tooManyPending } from './errors.ts';
import type { EbsSimulation } from './simulation.ts';

const MAX_VOLUME_GIB = 65_536;
const MIN_TIMEOUT_MINUTES = 10;
const MAX_TIMEOUT_MINUTES = 4_320;
const DEFAULT_TIMEOUT_MINUTES = 60;
const MAX_DESCRIPTION = 255;

/** @throws AwsError ValidationException, ConflictException, ConcurrentLimitExceededException, ThrottlingException, … */
export function startSnapshot(
  sim: EbsSimulation,
  input: StartSnapshotRequest,
  call: Call,
): StartSnapshotResponse {
  sim.quotas.admit({ operation: 'StartSnapshot' });
  const earlier = findEarlier(sim, input);
  if (earlier) return outputOf(earlier);
  const parent = findParent(sim, input);
  const fields = {
    sizeGiB: checkSize(input, parent),
    description: checkDescription(input.Description),
    tags: checkTags(input.Tags),
    encryption: chooseEncryption(sim, input, parent),
    parent,
    timeoutMinutes: checkTimeout(input.Timeout),
    fate: call.effects,
  };
  const { pendingSnapshots } = sim.quotas.current;
  if (pendingSnapshots !== undefined && sim.snapshots.pendingCount() >= pendingSnapshots)
    throw tooManyPending();
  const snapshot = inWordsOfEbs(() => sim.snapshots.start(fields, input));
  sim.open.add(snapshot.id);
  return outputOf(snapshot);
}

/** The snapshot that the same request made before. @throws AwsError ConflictException, ResourceNotFoundException */
function findEarlier(sim: EbsSimulation, input: StartSnapshotRequest): Readonly<SnapshotRecord> | undefined {
  const id = inWordsOfEbs(() => sim.snapshots.earlier(input));
  if (id === undefined) return undefined;
  const snapshot = sim.snapshots.find(id);
  if (!snapshot) throw noSuchSnapshot(id);
  return snapshot;
}

function findParent(sim: EbsSimulation, input: StartSnapshotRequest): Readonly<SnapshotRecord> | undefined {
  if (input.ParentSnapshotId === undefined) return undefined;
  return checkCompleted(sim, checkSnapshotId(input.ParentSnapshotId));
}

function checkSize(
  { VolumeSize: sizeGiB = 0 }: StartSnapshotRequest,
  parent: Readonly<SnapshotRecord> | undefined,
): number {
  const least = parent?.sizeGiB ?? 1;
  if (Number.isSafeInteger(sizeGiB) && sizeGiB >= least && sizeGiB <= MAX_VOLUME_GIB) return sizeGiB;
  throw invalid(
    'INVALID_VOLUME_SIZE',
    `VolumeSize ${sizeGiB} is not between ${least} and ${MAX_VOLUME_GIB} GiB.`,
  );
}

function checkTags(tags: StartSnapshotRequest['Tags']): Tag[] {
  try {
    return parseTags(tags);
  } catch (error) {
    if (!(error instanceof AwsError)) throw error;
    throw invalid('INVALID_TAG', error.message);
  }
}

function checkDescription(description = ''): string {
  if (description.length <= MAX_DESCRIPTION) return description;
  throw invalidParameter(`Description is longer than ${MAX_DESCRIPTION} characters.`);
}

function checkTimeout(minutes = DEFAULT_TIMEOUT_MINUTES): number {
  if (Number.isInteger(minutes) && minutes >= MIN_TIMEOUT_MINUTES && minutes <= MAX_TIMEOUT_MINUTES)
    return minutes;
  throw invalidParameter(
    `Timeout ${minutes} is not between ${MIN_TIMEOUT_MINUTES} and ${MAX_TIMEOUT_MINUTES} minutes.`,
  );
}

/** As tabled in ebs/latest/userguide/ebsapis-using-encryption. @throws AwsError ValidationException */
function chooseEncryption(
  sim: EbsSimulation,
  { Encrypted: encrypted, KmsKeyArn: key }: StartSnapshotRequest,
  parent: Readonly<SnapshotRecord> | undefined,
): Encryption {
  const { encryptionByDefault } = sim.snapshots;
  if (parent) {
    if (encrypted !== undefined) throw invalidParameter('Encrypted cannot be given with ParentSnapshotId.');
    if (key !== undefined) throw invalidParameter('KmsKeyArn cannot be given with ParentSnapshotId.');
    if (encryptionByDefault && !parent.encrypted) {
      throw invalidParameter('Encryption by default is on, and the parent snapshot is not encrypted.');
    }
    return sim.snapshots.chooseEncryption({}, parent);
  }
  if (encrypted === false) {
    if (encryptionByDefault)
      throw invalidParameter('Encryption by default is on: Encrypted cannot be false.');
    if (key !== undefined) throw invalidParameter('KmsKeyArn cannot be given with Encrypted false.');
    return { encrypted: false };
  }
  if (key !== undefined) checkKey(sim, key);
  const asked = { Encrypted: encrypted === true || key !== undefined, KmsKeyId: key };
  return sim.snapshots.chooseEncryption(asked);
}

const KEY_ARN = /^arn:aws[a-z-]*:kms:[^:]*:\d{12}:key\/.+$/;

function checkKey(sim: EbsSimulation, key: string): void {
  if (KEY_ARN.test(key) && sim.snapshots.isUsableKey(key)) return;
  throw invalid('INVALID_CUSTOMER_KEY', `The KMS key '${key}' cannot be used.`);
}

/** EC2's complaints about tokens and files, as the EBS direct APIs put them. */
function inWordsOfEbs<T>(action: () => T): T {
  try {
    return action();
  } catch (error) {
    if (!(error instanceof AwsError)) throw error;
    if (error.code === 'IdempotentParameterMismatch') throw conflict();
    if (error.code === 'UnsupportedOperation') throw invalid('INVALID_VOLUME_SIZE', error.message);
    throw invalidParameter(error.message);
  }
}

function outputOf(snapshot: Readonly<SnapshotRecord>): StartSnapshotResponse {
  const { direct, kmsKeyId } = snapshot;
  return {
    SnapshotId: snapshot.id,
    Description: snapshot.description,
    OwnerId: snapshot.ownerId,
    Status: snapshot.state,
    StartTime: new Date(snapshot.startTime),
    VolumeSize: snapshot.sizeGiB,
    BlockSize: BLOCK_BYTES,
    Tags: snapshot.tags.map((tag) => ({ ...tag })),
    ...(direct?.parentId ? { ParentSnapshotId: direct.parentId } : {}),
    ...(kmsKeyId ? { KmsKeyArn: kmsKeyId } : {}),
  };
}
