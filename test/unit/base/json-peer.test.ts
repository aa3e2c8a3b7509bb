import { duplexPair } from 'node:stream';
import { expect, it } from 'vitest';
import { JsonPeer } from '../../../base/json-peer.ts';
import { conflict } from '../../../contracts/errors.ts';

interface Arithmetic {
  half: { request: number; reply: number };
  never: { request: null; reply: null };
}
type None = Record<never, never>;

const connected = () => {
  const [left, right] = duplexPair();
  const server = new JsonPeer<Arithmetic, None>(left, {
    half: number => {
      if (number % 2 === 1) throw conflict(`${number} is odd`);
      return number / 2;
    },
    never: () => new Promise(() => undefined),
  });
  return { server, client: new JsonPeer<None, Arithmetic>(right, {}), stream: right };
};

it('answers many calls at once, errors with their kind', async () => {
  const { client } = connected();
  const halves = await Promise.all([2, 4, 6].map(number => client.call('half', number)));
  expect(halves).toEqual([1, 2, 3]);
  await expect(client.call('half', 3)).rejects.toMatchObject({ kind: 'conflict', message: '3 is odd' });
});

it('does not wait for ever', async () => {
  const { client, stream } = connected();
  await expect(client.call('never', null, 20)).rejects.toThrow('no answer within 20 ms');
  const waiting = client.call('never', null);
  stream.destroy();
  await expect(waiting).rejects.toThrow('the connection was closed');
  await client.closed;
  await expect(client.call('half', 2)).rejects.toThrow('the connection is closed');
});

it('refuses calls that do not exist, also inherited names, and ends with who speaks no JSON', async () => {
  const { client, server, stream } = connected();
  const call = client.call.bind(client) as unknown as (name: string, value: unknown) => Promise<unknown>;
  await expect(call('toString', null)).rejects.toThrow('There is no call named toString');
  stream.write('not JSON\n');
  await server.closed;
  expect(server.open).toBe(false);
});
