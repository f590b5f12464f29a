import type { TestProject } from 'vitest/node';
import { ensureAssembly } from '../../cli/assembly.ts';

declare module 'vitest' {
  interface ProvidedContext {
    /** Folder of the synthesised cloud assembly: `inject('assemblyFolder')` in a test. */
    assemblyFolder: string;
  }
}

/** Builds the cloud assembly once before all tests; quick when no source of it has changed. */
export async function setup(project: TestProject): Promise<void> {
  const assemblyFolder = await ensureAssembly({
    onBuild: () => console.log('Building the cloud assembly...'),
  });
  project.provide('assemblyFolder', assemblyFolder);
}
