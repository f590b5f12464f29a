/**
 * Draws the pages of docs/ that are made from the code: `node test/docs/write-docs.ts` writes them, `--check` only
 * compares (a test calls it so).
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { choosingPage } from './choosing-page.ts';
import { costModelPage } from './cost-model-page.ts';
import { requestPage } from './request-page.ts';

const PAGES: Readonly<Record<string, () => string>> = {
  'request.md': requestPage,
  'cost-model.md': costModelPage,
  'choosing-a-strategy.md': choosingPage,
};

const folder = join(import.meta.dirname, '..', '..', 'docs');

function contentOf(file: string): string | undefined {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return undefined;
  }
}

for (const [name, draw] of Object.entries(PAGES)) {
  const file = join(folder, name);
  const page = draw();
  if (contentOf(file) === page) continue;
  if (process.argv.includes('--check')) {
    console.error(`docs/${name} says something else than the code: run node test/docs/write-docs.ts`);
    process.exitCode = 1;
  } else {
    writeFileSync(file, page);
  }
}
