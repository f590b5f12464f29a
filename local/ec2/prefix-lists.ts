import type {
  DescribeManagedPrefixListsRequest,
  DescribeManagedPrefixListsResult,
  DescribePrefixListsRequest,
  DescribePrefixListsResult,
} from '@aws-sdk/client-ec2';
import { AwsError } from '../service.ts';
import { makeFilter } from './filters.ts';
import { type Operations, query } from './operation.ts';
import type { Simulation } from './simulation.ts';

/** AWS's own prefix list of S3 in us-east-1; what a helper's egress rule and a gateway endpoint's route name. */
export const S3_PREFIX_LIST = 'pl-63a5400a';
/** Addresses of this machine: S3 is nowhere else in the local region. */
const S3_CIDRS = ['127.0.0.0/8'];

export const s3ServiceName = (sim: Simulation): string => `com.amazonaws.${sim.context.region}.s3`;

/** @throws InvalidPrefixListId.NotFound */
export function checkPrefixList(id: string): string {
  if (id === S3_PREFIX_LIST) return id;
  throw new AwsError('InvalidPrefixListId.NotFound', `The prefix list ID '${id}' does not exist`);
}

/** There is one, S3's. */
export function prefixListOperations(sim: Simulation): Operations {
  return {
    DescribePrefixLists: query<DescribePrefixListsRequest, DescribePrefixListsResult>(
      'DescribePrefixLists',
      ['PrefixListIds', 'Filters', 'MaxResults', 'NextToken'],
      (input) => {
        for (const id of input.PrefixListIds ?? []) checkPrefixList(id);
        const only = { PrefixListId: S3_PREFIX_LIST, PrefixListName: s3ServiceName(sim), Cidrs: S3_CIDRS };
        const passes = makeFilter(input.Filters, {
          'prefix-list-id': (each: typeof only) => each.PrefixListId,
          'prefix-list-name': (each) => each.PrefixListName,
        });
        return { PrefixLists: [only].filter(passes) };
      },
    ),
    DescribeManagedPrefixLists: query<DescribeManagedPrefixListsRequest, DescribeManagedPrefixListsResult>(
      'DescribeManagedPrefixLists',
      ['PrefixListIds', 'Filters', 'MaxResults', 'NextToken'],
      (input) => {
        for (const id of input.PrefixListIds ?? []) checkPrefixList(id);
        const only = {
          PrefixListId: S3_PREFIX_LIST,
          PrefixListName: s3ServiceName(sim),
          AddressFamily: 'IPv4',
          OwnerId: 'AWS',
          PrefixListArn: `arn:aws:ec2:${sim.context.region}:aws:prefix-list/${S3_PREFIX_LIST}`,
          Tags: [],
        };
        const passes = makeFilter(input.Filters, {
          'owner-id': (each: typeof only) => each.OwnerId,
          'prefix-list-id': (each) => each.PrefixListId,
          'prefix-list-name': (each) => each.PrefixListName,
        });
        return { PrefixLists: [only].filter(passes) };
      },
    ),
  };
}
