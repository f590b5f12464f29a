import { resolve } from 'node:path';
import { ADMIN_PREFIX, answerAdmin } from './admin.ts';
import type { CallLog, CallRecorder } from './call-log.ts';
import { makeCallLog } from './call-log.ts';
import type { CloudFormationService, DeployedStack } from './cloudformation/service.ts';
import { makeCloudFormationService } from './cloudformation/service.ts';
import { dispatch } from './dispatch.ts';
import { type EbsService, makeEbsService } from './ebs/service.ts';
import type { Ec2Service } from './ec2/service.ts';
import { makeEc2Service } from './ec2/service.ts';
import type { EventBus } from './events/event-bus.ts';
import { makeEventBus } from './events/event-bus.ts';
import type { FaultRules } from './fault-rules.ts';
import { makeFaultRules } from './fault-rules.ts';
import type { IamDirectory } from './iam/directory.ts';
import { openIamDirectory } from './iam/directory.ts';
import { type KmsService, makeKmsService } from './kms/service.ts';
import { type Observers, observeInvoke } from './lambda/observed-invoke.ts';
import type { LambdaService } from './lambda/service.ts';
import { makeLambdaService } from './lambda/service.ts';
import type { S3Service } from './s3/service.ts';
import { makeS3Service } from './s3/service.ts';
import type { HttpServer } from './server.ts';
import { startHttpServer } from './server.ts';
import type { RegionContext } from './service.ts';
import { bindQuotas } from './service-quotas/bindings.ts';
import { makeServiceQuotasService, type ServiceQuotasService } from './service-quotas/service.ts';
import { makeServiceRegistry, type ServiceRegistry } from './services.ts';
import { lockStateFolder } from './state-lock.ts';
import type { StepFunctionsService } from './step-functions/service.ts';
import { makeStepFunctionsService } from './step-functions/service.ts';
import { makeStsService } from './sts/service.ts';
import { makeRegionTime, RegionStopped } from './time.ts';

export type { CallEntry, CallFilter, CallLog } from './call-log.ts';
export type { DeployedStack } from './cloudformation/service.ts';
export type { FaultRules, PlannedFault } from './fault-rules.ts';
export type { FaultAction, FaultEffects, FaultRule } from './faults.ts';
export { findRunningRegion, type RunningRegion, StateFolderInUse } from './state-lock.ts';

export interface RegionOptions {
  /** Everything the region keeps lies here; a second start on the same folder goes on from there. */
  readonly stateFolder: string;
  /** 4566 when absent; 0 takes any free port. */
  readonly port?: number;
  /** Factor on every simulated duration: 1 is real, 0.001 a thousand times faster. */
  readonly timeScale?: number;
  /** Replaces every Wait and retry pause of state machines, real milliseconds. */
  readonly waitMs?: number;
  /** Worker threads for functions. */
  readonly lambdaWorkers?: number;
  readonly log?: (line: string) => void;
}

export interface RegionServices {
  readonly s3: S3Service;
  readonly ec2: Ec2Service;
  /** The EBS direct APIs. */
  readonly ebs: EbsService;
  readonly kms: KmsService;
  readonly lambda: LambdaService;
  readonly stepFunctions: StepFunctionsService;
  readonly cloudFormation: CloudFormationService;
  readonly events: EventBus;
  readonly serviceQuotas: ServiceQuotasService;
  /** Roles, policies and instance profiles, as data. */
  readonly iam: IamDirectory;
}

export interface Region {
  /** `http://127.0.0.1:<port>`: what AWS_ENDPOINT_URL is to name. */
  readonly endpoint: string;
  readonly stateFolder: string;
  readonly calls: CallLog;
  readonly faults: FaultRules;
  /** The simulated services themselves, for assertions in tests. */
  readonly services: RegionServices;
  /** Deploys every stack of a synthesised cloud assembly. */
  deploy(assemblyFolder: string): Promise<DeployedStack[]>;
  /** Writes the state out and ends; open connections are cut, held calls too. */
  stop(): Promise<void>;
}

const ACCOUNT_ID = '123456789012';
const REGION = 'us-east-1';
const AVAILABILITY_ZONES = ['us-east-1a', 'us-east-1b', 'us-east-1c'];
const DEFAULT_PORT = 4566;

/**
 * Starts a region on a loopback port.
 * @throws StateFolderInUse when another region works on the same state folder
 */
export async function startRegion(options: RegionOptions): Promise<Region> {
  const stateFolder = resolve(options.stateFolder);
  const lock = await lockStateFolder(stateFolder);
  try {
    const running = await startOn(stateFolder, options);
    await lock.announce(running.server.endpoint);
    await running.services.stepFunctions.resume();
    return {
      endpoint: running.server.endpoint,
      stateFolder,
      calls: running.calls,
      faults: running.faults,
      services: running.services,
      deploy: (assemblyFolder) => running.services.cloudFormation.deploy(assemblyFolder),
      stop: once(async () => {
        await running.stop();
        await lock.release();
      }),
    };
  } catch (error) {
    await lock.release();
    throw error;
  }
}

interface RunningParts {
  readonly server: HttpServer;
  readonly services: RegionServices;
  readonly calls: CallRecorder;
  readonly faults: FaultRules;
  stop(): Promise<void>;
}

async function startOn(stateFolder: string, options: RegionOptions): Promise<RunningParts> {
  const log = options.log ?? (() => {});
  const calls = makeCallLog(`${stateFolder}/calls.jsonl`);
  const faults = makeFaultRules();
  const stopping = new AbortController();
  // The services want to know the endpoint, so the server listens first; what comes early waits for them.
  const built = Promise.withResolvers<BuiltServices>();
  built.promise.catch(() => {});
  const started = new Date();
  const admin = {
    calls,
    faults,
    describe: () => ({ stateFolder, started: started.toISOString(), calls: calls.total }),
    diskFile: async (id: string) => {
      const { ec2 } = (await built.promise).services;
      return ec2.volumeFile(id) ?? ec2.snapshotFile(id);
    },
    helpers: async () => (await built.promise).services.ec2.helpers(),
  };
  const server = await startHttpServer({
    port: options.port ?? DEFAULT_PORT,
    log,
    handle: async (request, signal) => {
      if (request.path.startsWith(ADMIN_PREFIX))
        return { kind: 'answer', answer: await answerAdmin(admin, request) };
      const services = (await built.promise).registry;
      return dispatch({ services, calls, faults, stopping: stopping.signal, log }, request, signal);
    },
  });
  try {
    const observers = { calls, faults, stopping: stopping.signal };
    const parts = await buildServices({ stateFolder, endpoint: server.endpoint, options, observers, log });
    built.resolve(parts);
    const stop = async () => {
      stopping.abort(new RegionStopped('the region is stopping'));
      // Whoever calls stops before what is called, so that no call of ours fails only because we end.
      await parts.stopCallers();
      await server.stop();
      await parts.stopCalled();
      await calls.close();
    };
    return { server, services: parts.services, calls, faults, stop };
  } catch (error) {
    built.reject(error);
    await server.stop();
    throw error;
  }
}

interface Foundations {
  readonly stateFolder: string;
  readonly endpoint: string;
  readonly options: RegionOptions;
  readonly observers: Observers;
  log(line: string): void;
}

interface BuiltServices {
  readonly services: RegionServices;
  readonly registry: ServiceRegistry;
  stopCallers(): Promise<void>;
  stopCalled(): Promise<void>;
}

async function buildServices({
  stateFolder,
  endpoint,
  options,
  observers,
  log,
}: Foundations): Promise<BuiltServices> {
  const timeScale = options.timeScale ?? 1;
  const time = makeRegionTime(timeScale);
  const events = await makeEventBus({ accountId: ACCOUNT_ID, region: REGION, stateFolder, time }, { log });
  const context: RegionContext = {
    accountId: ACCOUNT_ID,
    region: REGION,
    availabilityZones: AVAILABILITY_ZONES,
    endpoint,
    stateFolder,
    time,
    publish: (event) => events.publish(event),
  };
  const iam = await openIamDirectory(context);
  const s3 = await makeS3Service(context);
  const kms = await makeKmsService(context);
  const ec2 = await makeEc2Service(context, { objects: s3, identities: iam, keys: kms.keys, timeScale });
  const ebs = await makeEbsService(context, { snapshots: ec2.directSnapshots, timeScale });
  const serviceQuotas = makeServiceQuotasService(context, { bindings: bindQuotas(ec2, ebs) });
  const workers = options.lambdaWorkers === undefined ? {} : { workers: options.lambdaWorkers };
  const lambda = await makeLambdaService(context, { ...workers, log });
  const waits = options.waitMs === undefined ? {} : { waitMs: options.waitMs };
  const stepFunctions = await makeStepFunctionsService(context, {
    lambda: { invoke: observeInvoke((input) => lambda.invoke(input), observers) },
    timeScale,
    ...waits,
    log,
  });
  const cloudFormation = await makeCloudFormationService(context, {
    s3,
    lambda,
    stepFunctions,
    events,
    iam,
    log,
  });
  const sts = makeStsService(context);
  events.connect({
    startExecution: async (stateMachineArn, input) => {
      await stepFunctions.startForRule(stateMachineArn, input);
    },
    invokeFunction: async (functionArn, payload) => {
      lambda.invokeLater({ functionName: functionArn, payload });
    },
  });
  return {
    services: { s3, ec2, ebs, kms, lambda, stepFunctions, cloudFormation, events, serviceQuotas, iam },
    registry: makeServiceRegistry([
      s3,
      ec2,
      ebs,
      kms,
      lambda,
      stepFunctions,
      cloudFormation,
      serviceQuotas,
      sts,
    ]),
    stopCallers: async () => {
      await ec2.stopHelpers();
      time.stop();
      for (const service of [events, stepFunctions, cloudFormation, lambda]) await service.stop();
    },
    stopCalled: async () => {
      for (const service of [ebs, ec2, s3]) await service.stop?.();
    },
  };
}

function once(action: () => Promise<void>): () => Promise<void> {
  let running: Promise<void> | undefined;
  return () => {
    running ??= action();
    return running;
  };
}
