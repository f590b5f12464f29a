/**
 * Simulated seconds that EC2 takes for each change of state, before the region's time scale is applied.
 * Where nobody publishes a figure it is a plausible one; nothing may depend on the exact values.
 */
export const SECONDS = {
  /** RunInstances and StartInstances; 16.5 s measured whatever the type (brevdev/ec2-coldboot-research). */
  instancePending: 16,
  /** A guest that shuts its system down in an orderly way. */
  instanceStopping: 20,
  /** With SkipOsShutdown or Force. */
  instanceStoppingAtOnce: 5,
  instanceShuttingDown: 15,
  /** From `running` until both status checks have passed. */
  statusChecks: 90,
  /** How long a terminated instance stays visible: about an hour on AWS. */
  terminatedVisible: 3_600,
  volumeCreating: 3,
  volumeCreatingFromSnapshot: 5,
  /** A bad KMS key shows itself only after the call was answered. */
  volumeKeyCheck: 4,
  volumeDeleting: 5,
  volumeModifying: 6,
  volumeOptimizing: 60,
  /** Lazy loading from a snapshot, per GiB of its data; a made-up rate of about 34 MiB/s. */
  volumeInitializingPerGiB: 30,
  volumeAttaching: 3,
  volumeDetaching: 5,
  /** Snapshots of a volume: a base and a share for every GiB of data. */
  snapshotBase: 30,
  snapshotPerGiB: 8,
  /** CompleteSnapshot of the EBS direct APIs until `completed`; seconds in public transcripts (NixOS polls for 60). */
  snapshotSealing: 6,
  /** From StartSnapshot until a fault rule's end state shows itself. */
  snapshotSpoiling: 20,
  /** ImportSnapshot: waiting, then reading and converting, which grows with the disk (obs: 5 to 20 minutes). */
  importPending: 20,
  importConvertingBase: 100,
  importConvertingPerGiB: 4,
  importDeleting: 5,
  /** A cancelled or completed task is described for seven days. */
  importTaskVisible: 7 * 24 * 3_600,
  /** ImportImage, step by step: half an hour to an hour with a few GiB (obs), most of it for a guest that boots. */
  imageImportPending: 30,
  imageImportValidating: 30,
  imageImportValidated: 15,
  imageImportConvertingBase: 180,
  imageImportConvertingPerGiB: 8,
  imageImportUpdating: 240,
  imageImportBooting: 600,
  imageImportPreparing: 180,
  imagePending: 3,
  /** How long a client token is remembered: at least a day on AWS. */
  clientTokenKept: 24 * 3_600,
} as const;
