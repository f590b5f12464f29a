import type { CancelImportTaskRequest, CancelImportTaskResult } from '@aws-sdk/client-ec2';
import { incorrectState, required } from './errors.ts';
import { startImageImportCancellation } from './import-image-run.ts';
import { startCancellation } from './import-run.ts';
import { mutation, type Operations } from './operation.ts';
import { need, type Simulation } from './simulation.ts';

interface Cancellable {
  readonly id: string;
  readonly status: string;
}

function prepare(sim: Simulation, input: CancelImportTaskRequest): () => CancelImportTaskResult {
  const id = required(input.ImportTaskId, 'importTaskId');
  if (id.startsWith('import-ami-')) {
    const task = need(sim, 'imageImport', id);
    return cancellation(task, () => startImageImportCancellation(sim, task, input.CancelReason));
  }
  const task = need(sim, 'importTask', id);
  return cancellation(task, () => startCancellation(sim, task, input.CancelReason));
}

function cancellation(task: Cancellable, cancel: () => void): () => CancelImportTaskResult {
  if (task.status !== 'active') {
    throw incorrectState(`The import task ${task.id} is in state '${task.status}' and cannot be cancelled`);
  }
  return () => {
    const previous = task.status;
    cancel();
    return { ImportTaskId: task.id, PreviousState: previous, State: task.status };
  };
}

export function cancelImportTaskOperations(sim: Simulation): Operations {
  return {
    CancelImportTask: mutation<CancelImportTaskRequest, CancelImportTaskResult>(
      sim,
      'CancelImportTask',
      ['ImportTaskId', 'CancelReason'],
      (input) => prepare(sim, input),
    ),
  };
}
