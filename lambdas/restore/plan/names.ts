import type { RestoreRequest } from '../../../core/model/request.ts';
import type { Workload } from './facts.ts';
import type { Findings } from './findings.ts';

// A tag's value holds 256 characters.
const NAME_CHARACTERS = 256;

type NameWishes = Pick<RestoreRequest['target'], 'name' | 'namePrefix' | 'nameSuffix'>;

/** What the machine is called at the source. */
export const sourceNameOf = ({ name, source }: Workload): string => source?.tags.Name ?? name;

/** A name of the source with what the request puts around it. */
export const nameAround = (name: string, { namePrefix = '', nameSuffix = '' }: NameWishes): string =>
  `${namePrefix}${name}${nameSuffix}`;

/** What the restored machine is called. */
export function chooseName(
  workload: Workload,
  { target }: RestoreRequest,
  { findings }: { findings: Findings },
): string {
  if (target.name !== undefined) return target.name;
  const name = nameAround(sourceNameOf(workload), target);
  if (name.length > NAME_CHARACTERS) {
    findings.error(
      target.namePrefix === undefined ? 'target.nameSuffix' : 'target.namePrefix',
      name,
      `the name would have ${name.length} characters; a tag holds ${NAME_CHARACTERS}`,
      'Shorten it, or give target.name',
    );
  }
  return name;
}

/** A name for a tag, cut to what that holds. */
export const cutName = (name: string): string => name.slice(0, NAME_CHARACTERS);
