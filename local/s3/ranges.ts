import { AwsError } from '../service.ts';
import type { Extent } from '../sparse/index.ts';
import { invalidArgument } from './errors.ts';

/**
 * The range of a GET; undefined where it asks for none that S3 knows (several ranges, another unit): the whole
 * object is answered then.
 * @throws AwsError InvalidRange when no byte of the object is in it
 */
export function parseRange(header: string | undefined, size: number): Extent | undefined {
  const found = /^bytes=(\d*)-(\d*)$/.exec(header?.trim() ?? '');
  if (!found || (found[1] === '' && found[2] === '')) return undefined;
  const [, first = '', last = ''] = found;
  if (first === '') {
    const length = Math.min(Number(last), size);
    if (length === 0) throw invalidRange(header, size);
    return { offset: size - length, length };
  }
  const offset = Number(first);
  const end = last === '' ? size - 1 : Math.min(Number(last), size - 1);
  if (last !== '' && Number(last) < offset) return undefined;
  if (offset >= size) throw invalidRange(header, size);
  return { offset, length: end - offset + 1 };
}

function invalidRange(header: string | undefined, size: number): AwsError {
  return new AwsError('InvalidRange', 'The requested range is not satisfiable', 416, {
    RangeRequested: header ?? '',
    ActualObjectSize: size,
  });
}

/** Copying a range as a part needs a source larger than this (UploadPartCopy, "Specifying the range of bytes to copy"). */
const MIN_RANGE_SOURCE_BYTES = 5 * 1024 * 1024;

/**
 * The range of an UploadPartCopy: `bytes=first-last`, both given and within the source.
 * @throws AwsError InvalidArgument, InvalidRequest
 */
export function parseCopyRange(header: string | undefined, size: number): Extent {
  if (header === undefined) return { offset: 0, length: size };
  const found = /^bytes=(\d+)-(\d+)$/.exec(header);
  const first = Number(found?.[1]);
  const last = Number(found?.[2]);
  if (!found || last < first) {
    throw invalidArgument(
      'x-amz-copy-source-range',
      'The x-amz-copy-source-range value must be of the form bytes=first-last where first and last are the zero-based offsets of the first and last bytes to copy',
    );
  }
  if (last >= size) {
    throw invalidArgument(
      'x-amz-copy-source-range',
      `Range specified is not valid for source object of size: ${size}`,
    );
  }
  if (size <= MIN_RANGE_SOURCE_BYTES) {
    const message =
      'The specified copy source is not supported as a byte-range copy source: it must be larger than 5 MB';
    throw new AwsError('InvalidRequest', message, 400);
  }
  return { offset: first, length: last - first + 1 };
}
