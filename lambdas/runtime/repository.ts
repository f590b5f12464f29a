import { makeS3Store, openRepository, type Repository } from '../../core/repository/index.ts';
import { s3 } from './s3.ts';

const opened = new Map<string, Promise<Repository>>();

/** Opens a repository once per sandbox. `url` is `s3://bucket/prefix`. @throws RepositoryNotFound, UnsupportedRepository */
export async function openRepositoryAt(url: string): Promise<Repository> {
  const { hostname: bucket, pathname } = new URL(url);
  const opening =
    opened.get(url) ??
    openRepository(makeS3Store({ client: s3, bucket, prefix: pathname.replace(/^\//, '') }));
  opened.set(url, opening);
  try {
    return await opening;
  } catch (error) {
    opened.delete(url);
    throw error;
  }
}
