import { existsSync } from 'node:fs';
import { registerHooks } from 'node:module';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';

export type Handler = (event: unknown, context: unknown) => unknown;

/** A handler that cannot be had; the name is Lambda's error type. */
export class HandlerError extends Error {
  override readonly name: string;
  constructor(name: string, message: string, cause?: unknown) {
    super(message, { cause });
    this.name = name;
  }
}

/**
 * Refuses every import by code of the asset that leads out of the asset: on Lambda nothing else is there, while here Node
 * would find the packages of the checkout that the state folder happens to lie in.
 */
export function confineImports(codeFolder: string): void {
  const inside = `${pathToFileURL(codeFolder).href}/`;
  registerHooks({
    resolve(specifier, context, nextResolve) {
      const resolved = nextResolve(specifier, context);
      const leavesAsset = resolved.url.startsWith('file:') && !resolved.url.startsWith(inside);
      if (leavesAsset && context.parentURL?.startsWith(inside)) {
        const error = new Error(`Cannot find package '${specifier}': it is not in the function's asset`);
        throw Object.assign(error, { code: 'ERR_MODULE_NOT_FOUND' });
      }
      return resolved;
    },
  });
}

const EXTENSIONS = ['.js', '.mjs', '.cjs'];

/**
 * The function that `handler` (`folder/file.export`) names in `codeFolder`.
 * @throws HandlerError as Lambda's Node.js runtime would report it
 */
export async function loadHandler(codeFolder: string, handler: string): Promise<Handler> {
  const slash = handler.lastIndexOf('/') + 1;
  const dot = handler.indexOf('.', slash);
  if (dot <= slash || dot === handler.length - 1) {
    throw new HandlerError('Runtime.MalformedHandlerName', `Bad handler: ${handler}`);
  }
  const stem = join(codeFolder, handler.slice(0, dot));
  const file = EXTENSIONS.map((extension) => stem + extension).find((candidate) => existsSync(candidate));
  if (!file) {
    throw new HandlerError(
      'Runtime.ImportModuleError',
      `Error: Cannot find module '${handler.slice(slash, dot)}'`,
    );
  }
  return pickExport(await importModule(file), handler.slice(dot + 1), handler);
}

async function importModule(file: string): Promise<unknown> {
  try {
    return await import(pathToFileURL(file).href);
  } catch (error) {
    if (error instanceof SyntaxError) {
      throw new HandlerError('Runtime.UserCodeSyntaxError', `SyntaxError: ${error.message}`, error);
    }
    const missing = error instanceof Error && 'code' in error && error.code === 'ERR_MODULE_NOT_FOUND';
    if (missing) throw new HandlerError('Runtime.ImportModuleError', `Error: ${error.message}`, error);
    throw error;
  }
}

function pickExport(module: unknown, name: string, handler: string): Handler {
  let found: unknown = module;
  for (const part of name.split('.')) found = isObject(found) ? found[part] : undefined;
  if (found === undefined) {
    throw new HandlerError('Runtime.HandlerNotFound', `${handler} is undefined or not exported`);
  }
  if (typeof found !== 'function') {
    throw new HandlerError('Runtime.HandlerNotFound', `${handler} is not a function`);
  }
  if (found.length > 2) {
    throw new HandlerError(
      'Runtime.CallbackHandlerDeprecated',
      'Callback-based function handlers are no longer supported from Node.js 24: use an async function',
    );
  }
  const callable = found;
  return (event, context) => callable(event, context);
}

function isObject(value: unknown): value is Record<string, unknown> {
  return (typeof value === 'object' && value !== null) || typeof value === 'function';
}
