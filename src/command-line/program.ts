import { Command, CommanderError } from 'commander';
import { EngineError, messageOf } from '../../contracts/errors.ts';
import { StartError } from '../machine/index.ts';
import { addCommands } from './commands.ts';
import { surroundings } from './surroundings.ts';

/** What the exit status of `berth` means. */
const exitCodes = `
Exit codes:
  0  done
  1  it failed; the message says why, and mostly what to do
  2  wrong usage
  3  status: berth is not running
  4  doctor: something prevents Berth from working

Everything lives in one folder: BERTH_HOME, else the platform's place for a program's data.
`;

/** Runs the command that this program was called with; its exit code. */
export async function runProgram(): Promise<number> {
  const around = surroundings();
  let code = 0;
  const program = new Command('berth')
    .description('Containers on every desktop, with an engine of our own.')
    .showHelpAfterError('(berth --help shows the commands)')
    .addHelpText('after', exitCodes)
    .enablePositionalOptions()
    .exitOverride();
  addCommands(program, around, status => {
    code = status;
  });
  try {
    await program.parseAsync();
    return code;
  } catch (error) {
    if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : 2;
    around.tell(`berth: ${messageOf(error)}`);
    if (error instanceof StartError) around.tell(`what to do: ${error.repair}`);
    if (!(error instanceof EngineError) && around.env.BERTH_DEBUG) around.tell(String((error as Error).stack));
    return 1;
  }
}
