import { describe, expect, it } from 'vitest';
import { succeed } from '../support/command.ts';
import { registryScenario } from './registry-scenario.ts';
import { nativeScenarios } from './scenarios.ts';

/** Builds have cases of their own (builds/cases.ts). */
const elsewhere = ['build'];
/** `docker container ls` is `docker ps`, and takes the options of `docker create` where it says `run`. */
const sameOptions = [
  ['run', 'create'],
  ['ls', 'ps', 'images'],
  ['rm', 'rmi'],
];

const used = [...nativeScenarios, registryScenario].flatMap(({ steps }) => steps.map(({ docker }) => docker));

const help = (...command: string[]): Promise<string> =>
  succeed('docker', [...command, '--help'], { env: { DOCKER_HOST: 'unix:///nosuch' } });

async function commandsOf(group: string): Promise<string[]> {
  const [, list = ''] = (await help(group)).split(/^Commands:$/m);
  return [...list.matchAll(/^ {2}([a-z-]+) /gm)].flatMap(([, name = '']) => (elsewhere.includes(name) ? [] : name));
}

interface Option {
  long: string;
  short?: string | undefined;
}

async function optionsOf(group: string, command: string): Promise<Option[]> {
  const found = (await help(group, command)).matchAll(/^ +(?:-(\w), )?--([a-z0-9-]+)/gm);
  return [...found].map(([, short, long = '']) => ({ short, long })).filter(({ long }) => long !== 'help');
}

const isOption =
  ({ long, short }: Option) =>
  (word: string): boolean =>
    word === `--${long}` || word.startsWith(`--${long}=`) || (/^-\w+$/.test(word) && word.includes(short ?? ' '));

function wordsOf(group: string, command: string): string[] {
  const names = sameOptions.find(names => names.includes(command)) ?? [command];
  const ofGroup = used.filter(([first = '', second = '']) => first === group && names.includes(second));
  const isShort = group === 'container' || group === 'image';
  return [...ofGroup, ...(isShort ? used.filter(([first = '']) => names.includes(first)) : [])].flat();
}

describe('the scenarios', () => {
  for (const group of ['checkpoint', 'container', 'image', 'network', 'system', 'volume'])
    it(`use every option of docker ${group}`, async () => {
      const unused: string[] = [];
      const commands = await commandsOf(group);
      for (const command of commands) {
        const words = wordsOf(group, command);
        const options = await optionsOf(group, command);
        unused.push(
          ...options.filter(option => !words.some(isOption(option))).map(({ long }) => `${command} --${long}`),
        );
      }
      expect(commands).not.toEqual([]);
      expect(unused).toEqual([]);
    });
});
