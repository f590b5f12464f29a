import type { Conversion, Plan, PlannedDisk, PlannedStrategy } from '../../../core/model/plan.ts';
import type { PlannedResource } from '../../../core/model/plan-report.ts';

interface Planned {
  readonly target: Plan['target'];
  readonly strategy: PlannedStrategy;
  readonly conversion: Conversion;
  readonly disks: readonly PlannedDisk[];
}

/** Everything that a restore makes, in the order of its making. */
export function resourcesOf(planned: Planned): PlannedResource[] {
  return [
    ...ofTarget(planned),
    ...ofStrategy(planned),
    ...ofConversion(planned),
    ...ofResult(planned),
    ...RECORDS,
  ];
}

const temporary = (kind: PlannedResource['kind'], what: string, diskId?: string): PlannedResource => ({
  kind,
  what,
  ...(diskId === undefined ? {} : { diskId }),
  role: 'temporary',
});

function ofTarget({ target }: Planned): PlannedResource[] {
  if (target.restoreTo !== 'new') return [];
  const { launchImage } = target;
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
    // An imported image brings the machine's own root.
    ...(launchImage.kind === 'imported'
      ? []
      : [temporary('volume', 'root that the target is launched with, taken away again')]),
  ];
}

const goesIntoImage = ({ conversion }: Planned, diskId: string): boolean =>
  conversion.kind === 'import-image' && conversion.diskIds.some((id) => id === diskId);

function ofStrategy(planned: Planned): PlannedResource[] {
  const { strategy, disks } = planned;
  switch (strategy.name) {
    case 'upload':
      return [
        temporary('bucket', 'named after the restore, private and encrypted'),
        ...disks.flatMap(({ id }) => [
          temporary('object', 'the disk as RAW, in that bucket', id),
          ...(goesIntoImage(planned, id)
            ? []
            : [
                temporary('import-task', 'ImportSnapshot of that object', id),
                temporary('snapshot', 'what the import makes', id),
              ]),
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

/** What VM Import makes of the disks of a machine from elsewhere, and what it makes it of. */
function ofConversion({ strategy, conversion }: Planned): PlannedResource[] {
  if (conversion.kind === 'none') return [];
  const { diskIds } = conversion;
  return [
    ...(strategy.name === 'helper'
      ? diskIds.flatMap((id) => [
          temporary('volume', 'that the helper writes', id),
          temporary('snapshot', 'of that volume', id),
        ])
      : []),
    temporary('image-import-task', `ImportImage of ${diskIds.join(', ')} together`),
    temporary('image', 'what the import makes, to launch the target from'),
    ...diskIds.map((id) => temporary('snapshot', 'of that image', id)),
  ];
}

function ofResult({ target, disks }: Planned): PlannedResource[] {
  const volumes = disks.map((disk): PlannedResource => {
    const end =
      target.restoreTo === 'volumes'
        ? `left in ${target.availabilityZone}`
        : `attached as ${disk.deviceName}`;
    return { kind: 'volume', what: `${volumeOf(disk)}, ${end}`, diskId: disk.id, role: 'result' };
  });
  if (target.restoreTo === 'volumes') return volumes;
  if (target.restoreTo === 'original') {
    const kept = target.replaced.map(
      ({ diskId, volumeId, deviceName }): PlannedResource => ({
        kind: 'volume',
        what: `${volumeId}, until then ${deviceName} of ${target.instanceId}: detached and kept`,
        diskId,
        role: 'result',
      }),
    );
    return [...volumes, ...kept];
  }
  const type = [target.instanceType, ...target.otherInstanceTypes].join(', else ');
  const instance = `"${target.name}", ${type} in ${target.availabilityZone}`;
  const address = target.privateIpAddress === undefined ? '' : ` with ${target.privateIpAddress}`;
  return [
    { kind: 'instance', what: `${instance}, ${target.powerOn ? 'started' : 'left stopped'}`, role: 'result' },
    { kind: 'network-interface', what: `in ${target.subnetId}${address}`, role: 'result' },
    ...volumes,
  ];
}

function volumeOf(disk: PlannedDisk): string {
  const { volumeType, volumeGiB, iops, throughput, encrypted, kmsKeyId, initializationRate } = disk;
  return [
    `${volumeType} of ${volumeGiB} GiB`,
    ...(iops === undefined ? [] : [`${iops} IOPS`]),
    ...(throughput === undefined ? [] : [`${throughput} MiB/s`]),
    ...(initializationRate === undefined ? [] : [`initialised at ${initializationRate} MiB/s`]),
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
