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

/** What could not be looked at: neither good nor bad. */
export interface NotKnown {
  readonly what: string;
  readonly why: string;
}

/** Collects what is wrong, so that a person learns all of it at once. */
export class Findings {
  readonly #found: RequestFinding[] = [];
  readonly #notKnown: NotKnown[] = [];

  error(field: string, value: unknown, problem: string, fix: string): void {
    this.#found.push({ severity: 'error', field, value: asValue(value), problem, fix });
  }

  warning(field: string, value: unknown, problem: string, fix: string): void {
    this.#found.push({ severity: 'warning', field, value: asValue(value), problem, fix });
  }

  /** Notes what a check could not find out, e.g. for lack of a permission. */
  notKnown(what: string, why: string): void {
    this.#notKnown.push({ what, why });
  }

  /** Takes over what was found apart. */
  add(others: Findings): void {
    this.take(others.#found);
    this.#notKnown.push(...others.#notKnown);
  }

  /** Takes over what does not repeat an error about the same value of the same field. */
  addNew(others: Findings): void {
    const told = new Set(this.errors.map(({ field, value }) => `${field} ${value}`));
    this.take(others.#found.filter(({ field, value }) => !told.has(`${field} ${value}`)));
    this.#notKnown.push(...others.#notKnown);
  }

  take(found: readonly RequestFinding[]): void {
    this.#found.push(...found);
  }

  get all(): readonly RequestFinding[] {
    return this.#found;
  }

  get allNotKnown(): readonly NotKnown[] {
    return this.#notKnown;
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
