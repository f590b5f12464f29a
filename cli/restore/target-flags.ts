/** Flags that become fields of the request's target. */
export interface TargetFlags {
  readonly name?: string;
  readonly namePrefix?: string;
  readonly nameSuffix?: string;
  /** In order of preference. */
  readonly instanceType?: readonly string[];
  /** In order of preference. */
  readonly subnet?: readonly string[];
  readonly zone?: string;
  readonly securityGroup?: readonly string[];
  readonly privateIp?: string;
  readonly publicIp?: boolean;
  readonly keyName?: string;
  readonly instanceProfile?: string;
  readonly image?: string;
  readonly conversion?: string;
  readonly licenseType?: string;
  readonly bootMode?: string;
  readonly imds?: boolean;
  readonly imdsTokens?: string;
  readonly imdsHopLimit?: number;
  readonly targetTag?: Readonly<Record<string, string>>;
  readonly powerOn?: boolean;
}

/** Flags that become entries of the request's disks. */
export interface DiskFlags {
  /** Ids. */
  readonly excludeDisk?: readonly string[];
  /** MiB/s by disk id. */
  readonly initializationRate?: Readonly<Record<string, string>>;
}

/** Fields of a file's target that say otherwise what a flag says. */
const OPPOSITES: Readonly<Record<string, readonly string[]>> = {
  name: ['namePrefix', 'nameSuffix'],
  namePrefix: ['name'],
  nameSuffix: ['name'],
  instanceType: ['instanceTypes'],
  instanceTypes: ['instanceType'],
  subnetId: ['subnetIds', 'availabilityZone'],
  subnetIds: ['subnetId', 'availabilityZone'],
  availabilityZone: ['subnetId', 'subnetIds'],
};

/** A file's target with what the flags say, which comes first. */
export function mergeTarget(file: unknown, flags: TargetFlags): Record<string, unknown> {
  const own = targetOf(flags);
  const opposites = new Set(Object.keys(own).flatMap((name) => OPPOSITES[name] ?? []));
  const kept = Object.entries(fieldsOf(file)).filter(([name]) => !opposites.has(name));
  const inFile = Object.fromEntries(kept);
  const metadataOptions = metadataOptionsOf(flags);
  return {
    ...inFile,
    ...own,
    ...(Object.keys(metadataOptions).length === 0
      ? {}
      : { metadataOptions: { ...fieldsOf(inFile.metadataOptions), ...metadataOptions } }),
  };
}

const targetOf = (flags: TargetFlags): Record<string, unknown> =>
  withoutAbsent({
    name: flags.name,
    namePrefix: flags.namePrefix,
    nameSuffix: flags.nameSuffix,
    ...oneOrSeveral(flags.instanceType, { one: 'instanceType', several: 'instanceTypes' }),
    ...oneOrSeveral(flags.subnet, { one: 'subnetId', several: 'subnetIds' }),
    availabilityZone: flags.zone,
    securityGroupIds: flags.securityGroup,
    privateIpAddress: flags.privateIp,
    associatePublicIpAddress: flags.publicIp,
    keyName: flags.keyName,
    iamInstanceProfile: flags.instanceProfile,
    imageId: flags.image,
    conversion: flags.conversion,
    licenseType: flags.licenseType,
    bootMode: flags.bootMode,
    tags: flags.targetTag,
    powerOn: flags.powerOn,
  });

const metadataOptionsOf = ({ imds, imdsTokens, imdsHopLimit }: TargetFlags): Record<string, unknown> =>
  withoutAbsent({
    httpEndpoint: imds === undefined ? undefined : imds ? 'enabled' : 'disabled',
    httpTokens: imdsTokens,
    httpPutResponseHopLimit: imdsHopLimit,
  });

function oneOrSeveral(
  values: readonly string[] | undefined,
  { one, several }: { one: string; several: string },
): Record<string, unknown> {
  if (values === undefined) return {};
  return values.length === 1 ? { [one]: values[0] } : { [several]: values };
}

/** A file's disks with what the flags say of some of them. What is no list is for the request's schema to refuse. */
export function mergeDisks(
  file: unknown,
  { excludeDisk = [], initializationRate = {} }: DiskFlags,
): object | undefined {
  const wishes = new Map<string, Record<string, unknown>>();
  const wish = (id: string, fields: object) => wishes.set(id, { ...wishes.get(id), ...fields });
  for (const id of excludeDisk) wish(id, { exclude: true });
  // What is no number is for the request's schema to refuse.
  for (const [id, rate] of Object.entries(initializationRate)) {
    wish(id, { initializationRate: /^\d+$/.test(rate) ? Number(rate) : rate });
  }
  const disks: unknown[] = Array.isArray(file) ? file : [];
  if (wishes.size === 0 || (file !== undefined && !Array.isArray(file))) return fieldsOrList(file);
  const ids = disks.map((disk) => fieldsOf(disk).id);
  const others = [...wishes].filter(([id]) => !ids.includes(id));
  return [
    ...disks.map((disk, index) => {
      const wished = wishes.get(String(ids[index]));
      return wished === undefined ? disk : { ...fieldsOf(disk), ...wished };
    }),
    ...others.map(([id, wished]) => ({ id, ...wished })),
  ];
}

const fieldsOrList = (value: unknown): object | undefined =>
  typeof value === 'object' && value !== null ? value : undefined;

/** The fields of an object; none of anything else. */
export const fieldsOf = (value: unknown): Record<string, unknown> =>
  typeof value === 'object' && value !== null ? { ...value } : {};

/** Without fields that have no value. */
export const withoutAbsent = (fields: Record<string, unknown>): Record<string, unknown> =>
  Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined));
