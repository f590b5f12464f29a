/** Events that several steps take, as paths into the state. */

/** For a state that holds the restore at `$.restore`. */
export const RESTORE = {
  'restoreId.$': '$.restore.restoreId',
  'attempt.$': '$.restore.attempt',
} as const;

/** For the state of one disk, inside the Maps: children of a distributed Map see nothing of their parent. */
export const DISK = {
  'restoreId.$': '$.restoreId',
  'attempt.$': '$.attempt',
  'diskId.$': '$.diskId',
} as const;

/** The execution itself; not in children of a distributed Map, which are executions of their own. */
export const EXECUTION = {
  'executionArn.$': '$$.Execution.Id',
  'executionName.$': '$$.Execution.Name',
} as const;
