/** What the SDK's clients are made with. */
export interface ClientConfig {
  readonly region?: string;
  readonly endpoint?: string;
  readonly credentials?: { readonly accessKeyId: string; readonly secretAccessKey: string };
  /** Buckets in the path instead of the host name: a loopback address has no subdomains. */
  readonly forcePathStyle?: boolean;
}

/** The local region does not check signatures, but the SDK wants something to sign with. */
export const LOCAL_CREDENTIALS = { accessKeyId: 'landfall', secretAccessKey: 'landfall' } as const;
export const LOCAL_REGION_NAME = 'us-east-1';
