/** Key of the all-zero object in the temporary bucket. */
export const ZERO_OBJECT_KEY = 'zeros';

// A range can be copied only from an object of more than 5 MiB (S3 API, UploadPartCopy).
export const MIN_COPY_SOURCE_BYTES = 5 * 1024 ** 2 + 1;
