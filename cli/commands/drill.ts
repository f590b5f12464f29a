import { Command } from 'commander';
import type { Host } from '../host.ts';

export function makeDrillCommand(_host: Host): Command {
  return new Command('drill');
}
