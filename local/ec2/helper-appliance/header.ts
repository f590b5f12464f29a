import { z } from 'zod';

/** How the line of a user data begins that says what a helper appliance is to run; the rest of it is JSON. */
const HEADER_PREFIX = '# landfall-helper ';
/** Stands in the header's folder for the instance's id, which was not known when the user data was written. */
const INSTANCE_ID_PLACEHOLDER = '{instance-id}';

const s3Url = z.string().regex(/^s3:\/\/[^/]+\/.+$/, 'is no s3://bucket/key');

// The product has a schema of its own for what it writes; the region reads the line as a stranger would.
const headerSchema = z.strictObject({
  version: z.literal(1),
  bundle: s3Url,
  sha256: z.string().regex(/^[0-9a-f]{64}$/, 'is no SHA-256 in lower-case hex'),
  folder: s3Url.endsWith('/'),
  region: z.string().min(1),
  deadline: z.iso.datetime(),
});

/** What an instance is to run as a helper appliance. */
export interface HelperHeader {
  readonly bundle: { readonly bucket: string; readonly key: string };
  /** Of the bundle, in hex. */
  readonly sha256: string;
  /** `s3://bucket/prefix/` of its orders. */
  readonly folder: string;
  readonly region: string;
  /** ISO 8601. */
  readonly deadline: string;
}

export type HelperUserData =
  | { readonly kind: 'no helper' }
  | { readonly kind: 'unfit'; readonly problem: string }
  | { readonly kind: 'helper'; readonly header: HelperHeader };

/** Reads the header of a helper appliance from user data in base64, as RunInstances takes it. */
export function readHeader(userData: string | undefined, instanceId: string): HelperUserData {
  const lines = Buffer.from(userData ?? '', 'base64')
    .toString('utf8')
    .split('\n');
  const line = lines.find((each) => each.startsWith(HEADER_PREFIX));
  if (line === undefined) return { kind: 'no helper' };
  let content: unknown;
  try {
    content = JSON.parse(line.slice(HEADER_PREFIX.length));
  } catch {
    return { kind: 'unfit', problem: 'it is not JSON' };
  }
  const parsed = headerSchema.safeParse(content);
  if (!parsed.success) {
    const problems = parsed.error.issues.map(({ path, message }) => `${path.join('.')} ${message}`.trim());
    return { kind: 'unfit', problem: problems.join('; ') };
  }
  const { bundle, folder, sha256, region, deadline } = parsed.data;
  const [, bucket = '', key = ''] = /^s3:\/\/([^/]+)\/(.+)$/.exec(bundle) ?? [];
  const header = {
    bundle: { bucket, key },
    sha256,
    folder: folder.replaceAll(INSTANCE_ID_PLACEHOLDER, instanceId),
    region,
    deadline,
  };
  return { kind: 'helper', header };
}
