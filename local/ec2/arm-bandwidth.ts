/*
 * What types with Graviton processors move to EBS and to the network. Read from AWS's documentation in November 2026:
 * "Amazon EBS-optimized instance types" (EC2 User Guide) and the network specifications of the Instance Types Guide. The
 * plan of a restore has figures of its own; if one of the two is wrong, they differ.
 */

export interface Bandwidth {
  readonly ebsBaselineMbps: number;
  readonly ebsMaximumMbps: number;
  readonly networkBaselineGbps: number;
  /** Reached in bursts; the same as the baseline for large sizes, and left out where no page of AWS's says. */
  readonly networkPeakGbps?: number;
}

interface FamilyBandwidth {
  readonly families: readonly string[];
  /** By size, in the order of {@link SIZES}; so are the others. */
  readonly ebsBaselineMbps: readonly number[];
  /** Of the small sizes, which reach it for half an hour a day; larger ones have their baseline. */
  readonly ebsBurstMbps: number;
  readonly ebsMaximumMbps?: readonly number[];
  readonly networkBaselineGbps: readonly number[];
  readonly networkPeakGbps?: readonly number[];
}

const SIZES = [
  ...['medium', 'large', 'xlarge', '2xlarge', '4xlarge', '8xlarge', '12xlarge', '16xlarge'],
  ...['24xlarge', '48xlarge'],
];

const TABLE: readonly FamilyBandwidth[] = [
  {
    families: ['c7g', 'm7g', 'r7g'],
    ebsBaselineMbps: [315, 630, 1_250, 2_500, 5_000, 10_000, 15_000, 20_000],
    ebsBurstMbps: 10_000,
    networkBaselineGbps: [0.52, 0.937, 1.876, 3.75, 7.5, 15, 22.5, 30],
    networkPeakGbps: [12.5, 12.5, 12.5, 15, 15, 15, 22.5, 30],
  },
  {
    families: ['c8g', 'm8g', 'r8g'],
    ebsBaselineMbps: [315, 630, 1_250, 2_500, 5_000, 10_000, 15_000, 20_000, 30_000, 40_000],
    ebsBurstMbps: 10_000,
    networkBaselineGbps: [0.52, 0.937, 1.875, 3.75, 7.5, 15, 22.5, 30, 40, 50],
    networkPeakGbps: [12.5, 12.5, 12.5, 15, 15, 15, 22.5, 30, 40, 50],
  },
  {
    families: ['c7gn'],
    ebsBaselineMbps: [521, 1_042, 2_083, 4_167, 8_333, 16_667, 25_000, 33_333],
    ebsBurstMbps: 10_000,
    ebsMaximumMbps: [10_000, 10_000, 10_000, 10_000, 10_000, 20_000, 30_000, 40_000],
    networkBaselineGbps: [3.125, 6.25, 12.5, 25, 50, 100, 150, 200],
    networkPeakGbps: [25, 30, 40, 50, 50, 100, 150, 200],
  },
  {
    families: ['c8gn'],
    ebsBaselineMbps: [760, 1_250, 2_500, 5_000, 10_000, 20_000, 30_000, 40_000, 60_000],
    ebsBurstMbps: 10_000,
    networkBaselineGbps: [3.125, 6.25, 12.5, 25, 50, 100, 150, 200, 300],
    networkPeakGbps: [25, 30, 40, 50, 50, 100, 150, 200, 300],
  },
  {
    families: ['c8gb', 'm8gb', 'r8gb'],
    ebsBaselineMbps: [1_562.5, 3_125, 6_250, 12_500, 25_000, 50_000, 75_000, 100_000, 150_000],
    ebsBurstMbps: 25_000,
    networkBaselineGbps: [2.083, 4.166, 8.333, 16.666, 33.33, 66.66, 100, 133.33, 200],
  },
];

/** By instance type. */
export const ARM_BANDWIDTH: ReadonlyMap<string, Bandwidth> = new Map(TABLE.flatMap(bandwidthsOf));

function bandwidthsOf(figures: FamilyBandwidth): [type: string, bandwidth: Bandwidth][] {
  return figures.families.flatMap((family) =>
    figures.ebsBaselineMbps.map((ebsBaselineMbps, index): [string, Bandwidth] => {
      const peak = figures.networkPeakGbps?.[index];
      return [
        `${family}.${SIZES[index]}`,
        {
          ebsBaselineMbps,
          ebsMaximumMbps: figures.ebsMaximumMbps?.[index] ?? Math.max(figures.ebsBurstMbps, ebsBaselineMbps),
          networkBaselineGbps: figures.networkBaselineGbps[index] ?? 0,
          ...(peak === undefined ? {} : { networkPeakGbps: peak }),
        },
      ];
    }),
  );
}
