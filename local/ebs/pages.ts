import { invalid, invalidParameter } from './errors.ts';
import { makePageToken, readPageToken } from './tokens.ts';

const MIN_RESULTS = 100;
const MAX_RESULTS = 10_000;
/** AWS does not tell; small enough that a client has to follow the tokens of any real disk. */
const DEFAULT_RESULTS = 1_000;

export interface PageRequest {
  readonly NextToken?: string | undefined;
  readonly MaxResults?: number | undefined;
  readonly StartingBlockIndex?: number | undefined;
}

export interface Page {
  /** First block that the page may hold. */
  readonly from: number;
  readonly limit: number;
  /** Token for a page that begins at a block; none where there is none. */
  next(block: number | undefined): { readonly NextToken?: string };
}

/**
 * What a page of a listing is to hold. A token wins over a starting index; fewer than 100 results cannot be had.
 * @throws AwsError ValidationException
 */
export function pageOf(listing: string, request: PageRequest, now: Date): Page {
  const { NextToken: token, MaxResults: asked = DEFAULT_RESULTS, StartingBlockIndex: start = 0 } = request;
  if (!Number.isSafeInteger(asked) || asked < 1 || asked > MAX_RESULTS) {
    throw invalidParameter(`MaxResults ${asked} is not between ${MIN_RESULTS} and ${MAX_RESULTS}.`);
  }
  if (!Number.isSafeInteger(start) || start < 0) {
    throw invalidParameter(`StartingBlockIndex ${start} is not a block index.`);
  }
  const from = token === undefined ? start : readPageToken(listing, token, now);
  if (from === undefined)
    throw invalid('INVALID_PAGE_TOKEN', 'The page token is not valid, or not any more.');
  return {
    from,
    limit: Math.max(MIN_RESULTS, asked),
    next: (block) => (block === undefined ? {} : { NextToken: makePageToken(listing, block, now) }),
  };
}
