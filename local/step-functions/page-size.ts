import { AwsError } from '../service.ts';

const DEFAULT_PAGE = 100;
const LARGEST_PAGE = 1000;

/** How many items a page holds. @throws AwsError ValidationException */
export function pageSize(maxResults: number | undefined): number {
  if (maxResults === undefined || maxResults === 0) return DEFAULT_PAGE;
  if (maxResults >= 0 && maxResults <= LARGEST_PAGE) return maxResults;
  throw new AwsError(
    'ValidationException',
    `1 validation error detected: Value '${maxResults}' at 'maxResults' failed to satisfy constraint: ` +
      `Member must have value less than or equal to ${LARGEST_PAGE}`,
  );
}
