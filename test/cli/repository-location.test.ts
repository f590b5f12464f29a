import { expect, test } from 'vitest';
import { parseRepositoryLocation } from '../../cli/repository-location.ts';

test.each([
  [undefined, { kind: 'stack' }],
  ['s3://backups', { kind: 's3', bucket: 'backups', prefix: '' }],
  ['s3://backups/prod/web/', { kind: 's3', bucket: 'backups', prefix: 'prod/web' }],
  ['repo', { kind: 'folder', folder: '/home/me/repo' }],
  ['/mnt/backups', { kind: 'folder', folder: '/mnt/backups' }],
])('%s', (text, location) => {
  expect(parseRepositoryLocation(text, '/home/me')).toEqual(location);
});

test.each([
  'ftp://x',
  's3://x',
  's3://Backups',
  's3://backups/../other',
  's3://backups//a',
  's3://backups/a b',
])('%s is a bad request', (text) => {
  expect(() => parseRepositoryLocation(text, '/')).toThrow(
    expect.objectContaining({
      name: 'BadRequest',
      message: `--repository ${text} is not a place for a repository`,
    }),
  );
});
