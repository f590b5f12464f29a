import { mkdir, readFile, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { ImageImportRecord } from './import-image-record.ts';
import type {
  AddressRecord,
  ClientTokenRecord,
  ImageRecord,
  ImportTaskRecord,
  InstanceRecord,
  KeyPairRecord,
  NetworkInterfaceRecord,
  SecurityGroupRecord,
  SecurityGroupRuleRecord,
  SettingsRecord,
  SnapshotRecord,
  SubnetRecord,
  TableRecord,
  TransitionRecord,
  VolumeRecord,
  VpcEndpointRecord,
  VpcRecord,
} from './records.ts';

/** Records of one kind by id, in the order they were made. */
export interface Table<T extends TableRecord> {
  get(id: string): T | undefined;
  all(): T[];
  insert(record: Omit<T, 'seq'>): T;
  delete(id: string): void;
}

export interface Tables {
  readonly instances: Table<InstanceRecord>;
  readonly volumes: Table<VolumeRecord>;
  readonly snapshots: Table<SnapshotRecord>;
  readonly images: Table<ImageRecord>;
  readonly importTasks: Table<ImportTaskRecord>;
  readonly imageImports: Table<ImageImportRecord>;
  readonly vpcs: Table<VpcRecord>;
  readonly vpcEndpoints: Table<VpcEndpointRecord>;
  readonly subnets: Table<SubnetRecord>;
  readonly securityGroups: Table<SecurityGroupRecord>;
  readonly securityGroupRules: Table<SecurityGroupRuleRecord>;
  readonly networkInterfaces: Table<NetworkInterfaceRecord>;
  readonly addresses: Table<AddressRecord>;
  readonly keyPairs: Table<KeyPairRecord>;
  readonly clientTokens: Table<ClientTokenRecord>;
  readonly transitions: Table<TransitionRecord>;
}

const TABLE_NAMES = [
  'instances',
  'volumes',
  'snapshots',
  'images',
  'importTasks',
  'imageImports',
  'vpcs',
  'vpcEndpoints',
  'subnets',
  'securityGroups',
  'securityGroupRules',
  'networkInterfaces',
  'addresses',
  'keyPairs',
  'clientTokens',
  'transitions',
] as const satisfies readonly (keyof Tables)[];

/** All of EC2's metadata. One file holds it, so that what is on disk is always one consistent moment. */
export interface Ec2State extends Tables {
  readonly settings: SettingsRecord;
  /** Whether there was no state yet, so that the seeds are due. */
  readonly isNew: boolean;
  /** Whether the state is of a time when the region had no such table. */
  lacked(table: keyof Tables): boolean;
  /** Notes that something changed; it is written out shortly after. */
  changed(): void;
  /** Writes now what has not been written yet. @throws what the file system says */
  save(): Promise<void>;
}

const STATE_VERSION = 1;
/** Many changes come in bursts; a crash may lose this much. */
const SAVE_DELAY_MS = 20;

interface StateFile {
  readonly version: number;
  readonly lastSeq: number;
  readonly settings: SettingsRecord;
  readonly tables: Readonly<Record<string, TableRecord[]>>;
}

/** Opens the state in `folder`, making the folder when it is not there. */
export async function openState(folder: string): Promise<Ec2State> {
  await mkdir(folder, { recursive: true });
  const file = join(folder, 'state.json');
  const found = await readStateFile(file);
  const counter = { last: found?.lastSeq ?? 0 };
  const settings: SettingsRecord = found?.settings ?? { encryptionByDefault: false };
  const records = new Map(TABLE_NAMES.map((name) => [name, openTable(found?.tables[name] ?? [], counter)]));
  const serialize = () =>
    JSON.stringify({
      version: STATE_VERSION,
      lastSeq: counter.last,
      settings,
      tables: Object.fromEntries([...records].map(([name, table]) => [name, table.all()])),
    } satisfies StateFile);
  // The state file was written by this code from records of these very types.
  const tables = Object.fromEntries(records) as unknown as Tables;
  const lacked = (table: keyof Tables) => !found?.tables[table];
  return { ...tables, settings, isNew: !found, lacked, ...makeSaver(file, serialize) };
}

async function readStateFile(file: string): Promise<StateFile | undefined> {
  let text: string;
  try {
    text = await readFile(file, 'utf8');
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return undefined;
    throw error;
  }
  const state: StateFile = JSON.parse(text);
  if (state.version !== STATE_VERSION) {
    throw new Error(`${file} has version ${state.version}; this program reads version ${STATE_VERSION}`);
  }
  return state;
}

function openTable(found: readonly TableRecord[], counter: { last: number }): Table<TableRecord> {
  const records = new Map(found.map((record) => [record.id, record]));
  return {
    get: (id) => records.get(id),
    all: () => [...records.values()],
    insert(fields) {
      if (records.has(fields.id)) throw new Error(`there is already a record ${fields.id}`);
      counter.last += 1;
      const record = { ...fields, seq: counter.last };
      records.set(record.id, record);
      return record;
    },
    delete: (id) => void records.delete(id),
  };
}

function makeSaver(file: string, serialize: () => string): Pick<Ec2State, 'changed' | 'save'> {
  let dirty = false;
  let timer: NodeJS.Timeout | undefined;
  let writing: Promise<void> = Promise.resolve();

  async function write(): Promise<void> {
    if (!dirty) return;
    dirty = false;
    const temporary = `${file}.new`;
    try {
      await writeFile(temporary, serialize());
      await rename(temporary, file);
    } catch (error) {
      dirty = true;
      throw error;
    }
  }
  function save(): Promise<void> {
    clearTimeout(timer);
    timer = undefined;
    writing = writing.catch(() => {}).then(write);
    return writing;
  }
  return {
    save,
    changed() {
      dirty = true;
      timer ??= setTimeout(() => {
        void save().catch((error: unknown) => {
          process.emitWarning(`cannot write ${file}: ${String(error)}`);
        });
      }, SAVE_DELAY_MS);
    },
  };
}
