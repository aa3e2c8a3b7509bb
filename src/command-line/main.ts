import { existsSync } from 'node:fs';
import { enableCompileCache } from 'node:module';
import { join } from 'node:path';
import { homeAt, homeFolder } from '../settings/index.ts';

/*
 * The command line consists of many small sources, and is started twice for a machine in the background: reading their
 * TypeScript anew would take longer than all that Berth does before its machine runs. A home that is not there is not made.
 */
const { cache } = homeAt(homeFolder(process.env));
if (existsSync(cache)) enableCompileCache(join(cache, 'code'));

const { runProgram } = await import('./program.ts');
process.exitCode = await runProgram();
