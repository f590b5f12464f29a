import type { RestoreRequest } from '../../../core/model/request.ts';
import { environment } from '../../runtime/step.ts';
import { type Decision, decide } from './decide.ts';
import { Findings } from './findings.ts';
import { type Located, locateRestorePoint } from './locate.ts';
import { isStandInDisk, readRequest } from './read-request.ts';
import { checkWithoutManifest } from './without-manifest.ts';

/** All that is known of a request; what is missing has its reason among the findings. */
export interface LookedAt {
  /** Without what is wrong in it. */
  readonly request: RestoreRequest | undefined;
  readonly repositoryUrl: string;
  readonly located: Located | undefined;
  readonly decision: Decision | undefined;
  readonly findings: Findings;
}

/** Looks at a request from all sides and decides what can be decided; only reads, and never throws for what is asked. */
export async function lookAt(
  input: unknown,
  { compare }: { compare: 'all' | 'as-needed' },
): Promise<LookedAt> {
  const read = readRequest(input);
  const { request } = read;
  const repositoryUrl = request?.repository ?? environment().REPOSITORY_URL;
  const findings = new Findings();
  findings.take(read.findings);
  if (!request) return { request, repositoryUrl, located: undefined, decision: undefined, findings };
  const found = new Findings();
  const located = read.namesRestorePoint
    ? await locateRestorePoint(request, { repositoryUrl, findings: found })
    : undefined;
  const decision = located && (await decide(located.manifest, request, { findings: found, compare }));
  if (!located) await checkWithoutManifest(request, found);
  findings.add(withoutThoseOf(found, new Set(read.findings.map(({ field }) => field))));
  return { request, repositoryUrl, located, decision, findings };
}

/** Of a field that cannot be read nothing else is worth telling: it was planned as if it were not there. */
function withoutThoseOf(found: Findings, unreadable: ReadonlySet<string>): Findings {
  const rest = new Findings();
  rest.take(found.all.filter(({ field, value }) => !unreadable.has(field) && !isStandInDisk(value)));
  for (const { what, why } of found.allNotKnown) rest.notKnown(what, why);
  return rest;
}
