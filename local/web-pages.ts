import type { IncomingHttpHeaders } from 'node:http';

/** Names that lead to this machine whoever is asked; S3's clients put the bucket before `localhost`. */
const OWN_HOST = /^(?:127\.0\.0\.1|\[::1\]|(?:[a-z0-9._-]+\.)?localhost)(?::\d{1,5})?$/i;

/**
 * Why a request is not answered, or undefined. The region trusts every program of this machine, but a browser on it
 * also sends what the pages of strangers ask it to:
 * - a name of theirs that is made to point here (DNS rebinding) is in `Host`, and the page could read our answers;
 * - a POST or DELETE from any page carries `Origin`, though the page cannot read the answer;
 * - a GET that a page asks for as an image or a frame has no `Origin`, but says in `Sec-Fetch-Site` that a page asked,
 *   `none` when it was the person (https://www.w3.org/TR/fetch-metadata/).
 */
export function refusalOfWebPage(headers: IncomingHttpHeaders): string | undefined {
  const { host = '', origin, 'sec-fetch-site': askedBy = 'none' } = headers;
  if (!OWN_HOST.test(host)) {
    return `The local region is called 127.0.0.1, localhost, [::1] or <bucket>.localhost, not "${host.slice(0, 100)}"`;
  }
  if (origin !== undefined || askedBy !== 'none') return 'The local region does not answer web pages';
  return undefined;
}
