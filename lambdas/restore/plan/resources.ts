import type { PlannedDisk, PlannedStrategy, PlannedTarget } from '../../../core/model/plan.ts';
import type { PlannedResource } from '../../../core/model/plan-report.ts';

interface Planned {
  readonly target: PlannedTarget;
  readonly strategy: PlannedStrategy;
  readonly disks: readonly PlannedDisk[];
}

/** Everything that a restore makes, in the order of its making. */
export function resourcesOf(planned: Planned): PlannedResource[] {
  return [...ofTarget(planned), ...ofStrategy(planned), ...ofResult(planned), ...RECORDS];
}

const temporary = (kind: PlannedResource['kind'], what: string, diskId?: string): PlannedResource => ({
  kind,
  what,
  ...(diskId === undefined ? {} : { diskId }),
  role: 'temporary',
});

function ofTarget({ target: { launchImage } }: Planned): PlannedResource[] {
  const image =
    launchImage.kind === 'blank'
      ? [
          temporary('volume', 'empty, of 1 GiB, for the launch image'),
          temporary('snapshot', 'of that volume'),
          temporary('image', 'over that snapshot, to launch the target from'),
        ]
      : [];
  return [
    ...image,
    temporary('security-group', 'without any rule, for the target until it is handed over'),
    temporary('volume', 'root that the target is launched with, taken away again'),
  ];
}

function ofStrategy({ strategy, disks }: Planned): PlannedResource[] {
  switch (strategy.name) {
    case 'upload':
      return [
        temporary('bucket', 'named after the restore, private and encrypted'),
        ...disks.flatMap(({ id }) => [
          temporary('object', 'the disk as RAW, in that bucket', id),
          temporary('import-task', 'ImportSnapshot of that object', id),
          temporary('snapshot', 'what the import makes', id),
        ]),
      ];
    case 'direct':
      return disks.map(({ id }) => temporary('snapshot', 'written block by block', id));
    case 'helper':
      return [
        ...(strategy.securityGroupIds === undefined
          ? [temporary('security-group', 'for the helper: lets out to S3 only')]
          : []),
        temporary('instance', `helper, ${strategy.instanceTypes.join(', else ')}`),
        temporary('volume', 'root of the helper, of 8 GiB, encrypted'),
        temporary('network-interface', `of the helper, in ${strategy.subnetId}`),
      ];
  }
}

function ofResult({ target, disks }: Planned): PlannedResource[] {
  const instance = `"${target.name}", ${target.instanceType} in ${target.availabilityZone}`;
  const address = target.privateIpAddress === undefined ? '' : ` with ${target.privateIpAddress}`;
  return [
    { kind: 'instance', what: `${instance}, ${target.powerOn ? 'started' : 'left stopped'}`, role: 'result' },
    { kind: 'network-interface', what: `in ${target.subnetId}${address}`, role: 'result' },
    ...disks.map(
      (disk): PlannedResource => ({
        kind: 'volume',
        what: `${volumeOf(disk)}, attached as ${disk.deviceName}`,
        diskId: disk.id,
        role: 'result',
      }),
    ),
  ];
}

function volumeOf({ volumeType, volumeGiB, iops, throughput, encrypted, kmsKeyId }: PlannedDisk): string {
  return [
    `${volumeType} of ${volumeGiB} GiB`,
    ...(iops === undefined ? [] : [`${iops} IOPS`]),
    ...(throughput === undefined ? [] : [`${throughput} MiB/s`]),
    ...(encrypted ? [`encrypted with ${kmsKeyId ?? 'the default key of EBS'}`] : []),
  ].join(', ');
}

const RECORDS: readonly PlannedResource[] = [
  {
    kind: 'record',
    what: 'claim, plan, ledger and result of the restore, in the control bucket',
    role: 'record',
  },
];
