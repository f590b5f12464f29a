import type {
  CreateTagsRequest,
  DeleteTagsRequest,
  DescribeTagsRequest,
  DescribeTagsResult,
  ResourceType,
  Tag as SdkTag,
  TagSpecification,
} from '@aws-sdk/client-ec2';
import { AwsError } from '../service.ts';
import { invalidParameter, invalidValue, required } from './errors.ts';
import { makeFilter, paginate } from './filters.ts';
import { RESOURCE_KINDS, type ResourceKindName } from './ids.ts';
import { mutation, type Operations, query } from './operation.ts';
import type { Tag, TaggedRecord } from './records.ts';
import { find, need, type Simulation } from './simulation.ts';

const MAX_TAGS = 50;
const MAX_KEY_LENGTH = 128;
const MAX_VALUE_LENGTH = 256;

/** Names of taggable resource types as `TagSpecifications` and DescribeTags write them. */
const TYPE_NAMES = {
  instance: 'instance',
  volume: 'volume',
  snapshot: 'snapshot',
  image: 'image',
  subnet: 'subnet',
  vpc: 'vpc',
  vpcEndpoint: 'vpc-endpoint',
  securityGroup: 'security-group',
  securityGroupRule: 'security-group-rule',
  networkInterface: 'network-interface',
  keyPair: 'key-pair',
  address: 'elastic-ip',
  importTask: 'import-snapshot-task',
  imageImport: 'import-image-task',
} as const satisfies Record<ResourceKindName, ResourceType>;

/** @throws InvalidParameterValue, TagLimitExceeded */
export function parseTags(tags: readonly SdkTag[] | undefined): Tag[] {
  const parsed = (tags ?? []).map(({ Key, Value }) => parseTag(Key, Value));
  const keys = new Set<string>();
  for (const { Key } of parsed) {
    if (keys.has(Key)) throw invalidValue(`Duplicate tag key '${Key}' specified.`);
    keys.add(Key);
  }
  checkCount(parsed);
  return parsed;
}

function parseTag(key: string | undefined, value: string | undefined): Tag {
  if (!key) throw invalidValue('Tag key cannot be empty.');
  if (key.length > MAX_KEY_LENGTH) {
    throw invalidValue(`Tag key exceeds the maximum length of ${MAX_KEY_LENGTH} characters`);
  }
  if ((value?.length ?? 0) > MAX_VALUE_LENGTH) {
    throw invalidValue(`Tag value exceeds the maximum length of ${MAX_VALUE_LENGTH} characters`);
  }
  if (/^aws:/i.test(key)) throw invalidValue(`Tag keys starting with 'aws:' are reserved for internal use`);
  return { Key: key, Value: value ?? '' };
}

function checkCount(tags: readonly Tag[]): void {
  if (tags.length > MAX_TAGS) {
    throw new AwsError('TagLimitExceeded', `More than ${MAX_TAGS} tags were specified for a resource.`);
  }
}

/**
 * Tags asked for at creation, by resource type.
 * @throws InvalidParameter for a resource type that the operation does not make
 */
export function tagsAtCreation<T extends ResourceType>(
  specifications: readonly TagSpecification[] | undefined,
  types: readonly T[],
): (type: T) => Tag[] {
  const byType = new Map<string, Tag[]>();
  for (const { ResourceType: type, Tags: tags } of specifications ?? []) {
    const name: string = required(type, 'ResourceType');
    if (!types.some((each) => each === name)) {
      throw invalidParameter(`'${name}' is not a valid taggable resource type for this operation.`);
    }
    if (byType.has(name)) throw invalidParameter(`Duplicate tag specification for resource type '${name}'`);
    byType.set(name, parseTags(tags));
  }
  return (type) => structuredClone(byType.get(type) ?? []);
}

/** Tags as answers carry them: the member is there even when it is empty, as EC2 has it. */
export const tagList = (record: TaggedRecord): Tag[] => record.tags.map((tag) => ({ ...tag }));

function kindOf(id: string): ResourceKindName {
  const kinds = Object.keys(RESOURCE_KINDS) as ResourceKindName[];
  // The longest prefix wins: `import-snap-…` also contains `snap`, `eipalloc-…` begins like nothing else.
  const kind = kinds
    .filter((name) => id.startsWith(`${RESOURCE_KINDS[name].prefix}-`))
    .sort((a, b) => RESOURCE_KINDS[b].prefix.length - RESOURCE_KINDS[a].prefix.length)[0];
  if (!kind) throw new AwsError('InvalidID', `The ID '${id}' is not valid`);
  return kind;
}

const needTagged = (sim: Simulation, id: string): TaggedRecord => need(sim, kindOf(id), id);

function merged(record: TaggedRecord, tags: readonly Tag[]): Tag[] {
  const result = new Map(record.tags.map((tag) => [tag.Key, tag.Value]));
  for (const { Key, Value } of tags) result.set(Key, Value);
  const list = [...result].map(([Key, Value]) => ({ Key, Value }));
  checkCount(list);
  return list;
}

const isNamed = (tag: Tag, wanted: readonly SdkTag[]): boolean =>
  wanted.some(({ Key, Value }) => Key === tag.Key && (Value === undefined || Value === tag.Value));

export function tagOperations(sim: Simulation): Operations {
  return {
    CreateTags: mutation<CreateTagsRequest, object>(sim, 'CreateTags', ['Resources', 'Tags'], (input) => {
      const tags = parseTags(required(input.Tags, 'Tags'));
      const changes = required(input.Resources, 'Resources')
        .map((id) => needTagged(sim, id))
        .map((record) => ({ record, tags: merged(record, tags) }));
      return () => {
        for (const change of changes) change.record.tags = change.tags;
        return {};
      };
    }),
    DeleteTags: mutation<DeleteTagsRequest, object>(sim, 'DeleteTags', ['Resources', 'Tags'], (input) => {
      const records = required(input.Resources, 'Resources').map((id) => needTagged(sim, id));
      const wanted = input.Tags;
      return () => {
        for (const record of records) {
          record.tags = wanted ? record.tags.filter((tag) => !isNamed(tag, wanted)) : [];
        }
        return {};
      };
    }),
    DescribeTags: query<DescribeTagsRequest, DescribeTagsResult>(
      'DescribeTags',
      ['Filters', 'MaxResults', 'NextToken'],
      (input) => {
        const passes = makeFilter(input.Filters, {
          key: (item: TagItem) => item.Key,
          value: (item) => item.Value,
          'resource-id': (item) => item.ResourceId,
          'resource-type': (item) => item.ResourceType,
        });
        const { page, ...token } = paginate(allTags(sim).filter(passes), input, {
          seqOf: (item) => item.place,
        });
        return { Tags: page.map(({ place: _, ...tag }) => tag), ...token };
      },
    ),
  };
}

interface TagItem extends Tag {
  readonly ResourceId: string;
  readonly ResourceType: ResourceType;
  readonly place: number;
}

function allTags(sim: Simulation): TagItem[] {
  const { state } = sim;
  const records: TaggedRecord[] = [
    ...state.instances.all(),
    ...state.volumes.all(),
    ...state.snapshots.all(),
    ...state.images.all(),
    ...state.subnets.all(),
    ...state.vpcs.all(),
    ...state.vpcEndpoints.all(),
    ...state.securityGroups.all(),
    ...state.securityGroupRules.all(),
    ...state.networkInterfaces.all(),
    ...state.keyPairs.all(),
    ...state.addresses.all(),
    ...state.importTasks.all(),
    ...state.imageImports.all(),
  ];
  return records
    .filter((record) => find(sim, kindOf(record.id), record.id))
    .sort((a, b) => a.seq - b.seq)
    .flatMap((record) =>
      record.tags.map((tag, index) => ({
        ...tag,
        ResourceId: record.id,
        ResourceType: TYPE_NAMES[kindOf(record.id)],
        place: record.seq * (MAX_TAGS + 1) + index,
      })),
    );
}
