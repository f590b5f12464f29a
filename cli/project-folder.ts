import { dirname } from 'node:path';
import { fileURLToPath } from 'node:url';

/** Folder of this checkout. */
export const PROJECT_FOLDER = dirname(dirname(fileURLToPath(import.meta.url)));
