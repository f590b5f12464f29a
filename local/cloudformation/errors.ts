/** A cloud assembly that the region cannot deploy; it says everything that was found at once. */
export class UndeployableAssembly extends Error {
  override readonly name = 'UndeployableAssembly';
  readonly problems: readonly string[];
  constructor(problems: readonly string[]) {
    super(
      `the cloud assembly cannot be deployed in the local region:\n${problems.map((problem) => `- ${problem}`).join('\n')}`,
    );
    this.problems = problems;
  }
}
