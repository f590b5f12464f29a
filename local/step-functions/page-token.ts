import { AwsError } from '../service.ts';

/** A token for the rest of a list, good for that list only. */
export function pageToken(from: number, list: string): string {
  return Buffer.from(JSON.stringify([list, from])).toString('base64url');
}

/** Where the rest begins; 0 without a token. @throws AwsError InvalidToken */
export function parsePageToken(token: string | undefined, list: string): number {
  if (token === undefined) return 0;
  try {
    const content: unknown = JSON.parse(Buffer.from(token, 'base64url').toString('utf8'));
    if (Array.isArray(content) && content[0] === list && Number.isSafeInteger(content[1]))
      return Number(content[1]);
  } catch {
    // Not a token of ours: said below.
  }
  throw new AwsError('InvalidToken', `Invalid Token: '${token}'`);
}
