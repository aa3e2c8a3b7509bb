import { createHash } from 'node:crypto';
import { messageOf } from '../../../contracts/errors.ts';
import { BuildKitClient, type Solved } from '../../support/buildkit-client.ts';
import { GraphMaker } from '../../support/graph.ts';
import { type BuildOutcome, masked, resultOf } from '../builds/play-build.ts';
import type { GraphCase } from './cases.ts';

/** Has an engine work on a case; its vertices are shown as steps, with `cached` as to whether they were. */
export async function playGraph(
  each: GraphCase,
  socket: string,
  { cached = false }: { cached?: boolean } = {},
): Promise<BuildOutcome> {
  const graph = new GraphMaker();
  const definition = graph.definition(each.make(graph));
  const tag = `graph-${createHash('sha256').update(each.name).digest('hex').slice(0, 12)}`;
  const client = await BuildKitClient.connect(socket, each.folders ?? {}, { secrets: each.secrets ?? {} });
  try {
    const { vertices } = await client.solve({
      Definition: definition,
      Entitlements: each.allows ?? [],
      Exporter: 'moby',
      ExporterAttrs: { name: tag },
    });
    const { history = [], ...result } = await resultOf(tag, socket);
    return { steps: stepsIn(vertices, cached), ...result, ...(each.isMerged ? {} : { history: history.map(ofBase) }) };
  } catch (error) {
    return { error: masked(messageOf(error)).replace(/lstat \S*\/merged\//, 'lstat /') };
  } finally {
    client.close();
  }
}

/** What is said of the layers below: dockerd forgets where they are from. */
const ofBase = (line: string): string => line.replace(/^(from local|made for the tests)/, 'base').replace(/ +/g, ' ');

const stepsIn = (vertices: Solved['vertices'], cached: boolean): string[] =>
  [...vertices]
    .filter(([name]) => !name.startsWith('exporting'))
    .map(([name, vertex]) => `${cached && vertex.cached ? 'CACHED ' : ''}${masked(name)}`)
    .sort();
