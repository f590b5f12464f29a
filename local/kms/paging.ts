import { AwsError } from '../service.ts';

interface PageRequest {
  readonly Limit?: number | undefined;
  readonly Marker?: string | undefined;
}

interface Page<T> {
  readonly page: T[];
  readonly Truncated: boolean;
  readonly NextMarker?: string;
}

/** One page of a list as KMS pages: a marker, and whether there is more. @throws ValidationException, InvalidMarkerException */
export function pageOf<T>(
  items: readonly T[],
  { Limit: limit, Marker: marker }: PageRequest,
  { usual, max }: { readonly usual: number; readonly max: number },
): Page<T> {
  if (limit !== undefined && (limit < 1 || limit > max))
    throw new AwsError('ValidationException', `Limit must be 1 to ${max}, not ${limit}`);
  const start = marker === undefined ? 0 : Number(marker);
  if (!Number.isSafeInteger(start) || start < 0)
    throw new AwsError('InvalidMarkerException', `The marker '${marker}' is not valid`);
  const end = start + (limit ?? usual);
  const more = end < items.length;
  return {
    page: items.slice(start, end),
    Truncated: more,
    ...(more ? { NextMarker: String(end) } : {}),
  };
}
