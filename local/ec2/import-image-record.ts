import type { BootModeValues } from '@aws-sdk/client-ec2';
import type { BillingRecord, TaggedRecord } from './records.ts';

/** The steps that a task says it is at (its StatusMessage), in their order, as seen in public transcripts. */
export type ImageImportStage =
  | 'pending'
  | 'validating'
  | 'validated'
  | 'converting'
  | 'updating'
  | 'booting'
  | 'preparing ami';

export type GuestPlatform = 'Linux' | 'Windows';

/** One disk of an import, whatever it comes from. */
export interface ImportedDiskRecord {
  readonly source:
    | {
        readonly kind: 'object';
        readonly format: string;
        readonly bucket: string;
        readonly key: string;
        /** How the request named the object, given back as it came. */
        readonly url?: string;
      }
    | { readonly kind: 'snapshot'; readonly snapshotId: string };
  readonly description?: string;
  readonly deviceName: string;
  readonly encrypted: boolean;
  readonly kmsKeyId?: string;
  /** Chosen before its bytes are read, so that reading again after a restart replaces what was there. */
  readonly futureSnapshotId: string;
  /** Set when the conversion begins. */
  sizeBytes?: number;
  /** Bytes of its non-zero blocks; set when all of them are copied. */
  fullBytes?: number;
}

/** What was found out about the guest by looking at its boot disk. */
export interface GuestRecord {
  readonly platform: GuestPlatform;
  readonly licenseType: string;
  readonly billing: BillingRecord;
}

export interface ImageImportRecord extends TaggedRecord {
  readonly description?: string;
  readonly architecture?: 'i386' | 'x86_64';
  readonly platform?: GuestPlatform;
  readonly licenseType?: 'AWS' | 'BYOL';
  readonly usageOperation?: string;
  readonly bootMode?: BootModeValues;
  readonly hypervisor?: string;
  readonly roleName: string;
  readonly encrypted: boolean;
  readonly kmsKeyId?: string;
  readonly disks: ImportedDiskRecord[];
  readonly startTime: string;
  status: string;
  stage: ImageImportStage;
  statusMessage?: string;
  progress?: number;
  guest?: GuestRecord;
  imageId?: string;
  endTime?: string;
}
