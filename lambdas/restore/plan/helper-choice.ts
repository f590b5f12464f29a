import type { HelperType } from './helper-types.ts';

/** What a helper is to do. */
export interface HelperNeed {
  readonly disks: number;
  /** What the volumes can take together, MB (10^6 bytes) a second. */
  readonly volumesMBps: number;
  /** vCPUs of what runs at the same time and counts against the same quota: the target's; none when absent. */
  readonly vcpusBeside?: number;
}

export interface HelperChoice {
  readonly best: HelperType;
  /** Tried in this order where EC2 has no room for the one before. */
  readonly fallbacks: readonly HelperType[];
  /** One sentence with figures. */
  readonly reason: string;
}

// The program itself stays under 1 GiB; the rest is the system's.
const LEAST_MEMORY_MIB = 2_048;
// Quota L-1216C47A (Running On-Demand Standard instances) of an account that nobody has raised it for.
const FRESH_QUOTA_VCPUS = 5;
// A type within that quota is taken where it has at least so much of the speed that a larger one would give.
const LITTLE_LESS = 0.75;
const MOST_FALLBACKS = 4;
// One process runs on a helper. The core that runs its JavaScript reads some 300 MB/s from S3, and disks compress about
// 3:1 (both measured elsewhere, not on such an instance); half as much again, because newer cores are faster.
const PROGRAM_MBPS = 1_500;

/** What a helper of this type moves from S3 onto volumes in the long run, MB/s. */
export const rateOf = ({ ebsMBps, networkMBps = PROGRAM_MBPS }: HelperType): number =>
  Math.min(ebsMBps, networkMBps, PROGRAM_MBPS);

/** What a helper has to carry: more than the program moves is of no use. */
const wantedMBps = ({ volumesMBps }: HelperNeed): number => Math.min(volumesMBps, PROGRAM_MBPS);

export const hasMemory = ({ memoryMiB }: HelperType): boolean => memoryMiB >= LEAST_MEMORY_MIB;

const leftOfFreshQuota = ({ vcpusBeside = 0 }: HelperNeed): number => FRESH_QUOTA_VCPUS - vcpusBeside;

const fitsFreshQuota =
  (need: HelperNeed) =>
  ({ vcpus }: HelperType): boolean =>
    vcpus <= leftOfFreshQuota(need);

/** Chooses among types that the zone offers, in order of preference; undefined where none takes so many volumes. */
export function chooseHelperType(offered: readonly HelperType[], need: HelperNeed): HelperChoice | undefined {
  const able = offered.filter((type) => hasMemory(type) && type.dataVolumes >= need.disks);
  const best = bestOf(able, need);
  if (!best) return undefined;
  return { best, fallbacks: fallbacksFor(best, able, need), reason: reasonFor(best, able, need) };
}

function bestOf(able: readonly HelperType[], need: HelperNeed): HelperType | undefined {
  const wanted = smallestThatCarries(able, need) ?? fastestOf(able);
  if (!wanted || fitsFreshQuota(need)(wanted)) return wanted;
  const small = fastestOf(able.filter(fitsFreshQuota(need)));
  const isLittleLess = small && rateOf(small) >= LITTLE_LESS * Math.min(rateOf(wanted), wantedMBps(need));
  return isLittleLess ? small : wanted;
}

const smallestThatCarries = (able: readonly HelperType[], need: HelperNeed): HelperType | undefined =>
  able
    .filter((type) => rateOf(type) >= wantedMBps(need))
    .toSorted((a, b) => a.vcpus - b.vcpus || a.memoryMiB - b.memoryMiB)[0];

const fastestOf = (types: readonly HelperType[]): HelperType | undefined =>
  types.toSorted((a, b) => rateOf(b) - rateOf(a) || a.vcpus - b.vcpus || a.memoryMiB - b.memoryMiB)[0];

/**
 * Room is short by family, so each other family sends its best of at most the chosen one's size. One of them fits an
 * account's first quota, for where it is the quota that is short.
 */
function fallbacksFor(best: HelperType, able: readonly HelperType[], need: HelperNeed): HelperType[] {
  const noLarger = able.filter(({ vcpus }) => vcpus <= Math.max(FRESH_QUOTA_VCPUS, best.vcpus));
  const families = [...new Set(noLarger.map(familyOf))].filter((family) => family !== familyOf(best));
  const useful = (type: HelperType): number => Math.min(rateOf(type), wantedMBps(need));
  const others = families
    .map((family) =>
      bestOf(
        noLarger.filter((type) => familyOf(type) === family),
        need,
      ),
    )
    .filter((type) => type !== undefined)
    .toSorted((a, b) => useful(b) - useful(a) || a.vcpus - b.vcpus)
    .slice(0, MOST_FALLBACKS);
  const small = fastestOf(able.filter(fitsFreshQuota(need)));
  if (!small || [best, ...others].some(fitsFreshQuota(need))) return others;
  return [...others.slice(0, MOST_FALLBACKS - 1), small];
}

const familyOf = ({ name }: HelperType): string => name.split('.')[0] ?? name;

function reasonFor(best: HelperType, able: readonly HelperType[], need: HelperNeed): string {
  const figures = figuresOf(best);
  const wish = wishOf(need);
  if (rateOf(best) >= wantedMBps(need)) return `the smallest type that carries ${wish}: ${figures}`;
  if (able.some((type) => rateOf(type) > rateOf(best))) {
    return `carries ${percentOf(best, need)} of ${wish}, within the ${FRESH_QUOTA_VCPUS} vCPUs of an account’s first quota${besideTarget(need)}: ${figures}`;
  }
  return `the fastest type offered; it carries ${percentOf(best, need)} of ${wish}: ${figures}`;
}

const besideTarget = ({ vcpusBeside = 0 }: HelperNeed): string =>
  vcpusBeside === 0 ? '' : `, of which the target takes ${vcpusBeside}`;

/** Why a type is taken that the request names. */
export function reasonForAsked(asked: HelperType, need: HelperNeed): string {
  const share = rateOf(asked) >= wantedMBps(need) ? 'all' : percentOf(asked, need);
  return `the request asks for it; it carries ${share} of ${wishOf(need)}: ${figuresOf(asked)}`;
}

const percentOf = (type: HelperType, need: HelperNeed): string =>
  `${Math.floor((rateOf(type) / wantedMBps(need)) * 100)} %`;

function wishOf({ disks, volumesMBps }: HelperNeed): string {
  const take = disks === 1 ? 'the volume can take' : `the ${disks} volumes can take together`;
  const rate = `${Math.ceil(volumesMBps)} MB/s`;
  return volumesMBps > PROGRAM_MBPS
    ? `the ${PROGRAM_MBPS} MB/s that the program moves at most (${take} ${rate})`
    : `what ${take} (${rate})`;
}

function figuresOf({ vcpus, ebsMBps, ebsBurstMBps, networkMBps, dataVolumes }: HelperType): string {
  const burst = ebsBurstMBps > ebsMBps ? ` (${Math.floor(ebsBurstMBps)} in bursts)` : '';
  const network = networkMBps === undefined ? '' : ` and ${Math.floor(networkMBps)} MB/s to the network`;
  return `${Math.floor(ebsMBps)} MB/s to EBS${burst}${network}, ${vcpus} ${vcpus === 1 ? 'vCPU' : 'vCPUs'}, ${dataVolumes} volumes besides its root`;
}
