import { LandfallError } from '../../../core/model/errors.ts';
import { describeFinding, type RequestFinding, shown } from '../../../core/model/request.ts';

/** The request cannot be carried out as it is; the message lists everything that is wrong with it, one finding a line. */
export class BadRequest extends LandfallError {
  override readonly name = 'BadRequest';
  readonly findings: readonly RequestFinding[];

  constructor(findings: readonly RequestFinding[]) {
    super(findings.map(describeFinding).join('\n'));
    this.findings = findings;
  }
}

/** Collects what is wrong, so that a person learns all of it at once. */
export class Findings {
  readonly #found: RequestFinding[] = [];

  error(field: string, value: unknown, problem: string, fix: string): void {
    this.#found.push({ severity: 'error', field, value: asValue(value), problem, fix });
  }

  warning(field: string, value: unknown, problem: string, fix: string): void {
    this.#found.push({ severity: 'warning', field, value: asValue(value), problem, fix });
  }

  /** Takes over what was found apart. */
  add(others: Findings): void {
    this.#found.push(...others.#found);
  }

  get warnings(): RequestFinding[] {
    return this.#found.filter(({ severity }) => severity === 'warning');
  }

  get errors(): RequestFinding[] {
    return this.#found.filter(({ severity }) => severity === 'error');
  }

  /** @throws BadRequest when there is an error among the findings. */
  throwErrors(): void {
    if (this.errors.length > 0) throw new BadRequest(this.errors);
  }
}

const asValue = (value: unknown): string => (typeof value === 'string' ? value : shown(value));
