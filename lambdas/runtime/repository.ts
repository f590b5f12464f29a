import {
  makeS3Client,
  makeS3Store,
  openRepository,
  parseS3Url,
  type Repository,
} from '../../core/repository/index.ts';

const client = makeS3Client();
const opened = new Map<string, Promise<Repository>>();

/**
 * Opens a repository once per sandbox. `url` is `s3://bucket/prefix`.
 * @throws RepositoryNotFound, UnsupportedRepository, and what the store throws
 */
export async function openRepositoryAt(url: string): Promise<Repository> {
  const opening = opened.get(url) ?? openRepository(makeS3Store({ client, ...parseS3Url(url) }));
  opened.set(url, opening);
  try {
    return await opening;
  } catch (error) {
    opened.delete(url);
    throw error;
  }
}
