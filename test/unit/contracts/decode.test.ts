import { describe, expect, it } from 'vitest';
import {
  boolean,
  booleanOr,
  fields,
  filters,
  flag,
  integer,
  list,
  map,
  optionalInteger,
  repeated,
  text,
  timestamp,
  words,
} from '../../../contracts/decode.ts';
import { containerCreateBody } from '../../../contracts/docker/containers.ts';

describe('documents', () => {
  const shape = fields({ Name: text, Inner: fields({ Count: integer }), On: flag, Labels: map(text), Words: words });

  it('takes null as absent, at every depth', () => {
    expect(shape({ Name: null, Inner: { Count: null }, Labels: null }, '')).toEqual({ Inner: {} });
  });

  it('compares keys without regard to case, and drops what it does not know', () => {
    expect(shape({ name: 'a', INNER: { count: 2 }, Strange: 1 }, '')).toEqual({ Name: 'a', Inner: { Count: 2 } });
  });

  it('names what does not fit', () => {
    expect(() => shape({ Inner: { Count: 'x' } }, '')).toThrow(
      'invalid JSON: json: cannot unmarshal string into Go struct field .Inner.Count of type int64',
    );
    expect(() => shape([], '')).toThrow('cannot unmarshal array');
  });

  it('keeps a key that is a trap for objects', () => {
    const decoded = map(text)(JSON.parse('{"__proto__":"x"}'), '');
    expect(Object.entries(decoded)).toEqual([['__proto__', 'x']]);
  });

  it('takes one word for a list of words, and no null in a list', () => {
    expect(shape({ Words: 'sh' }, '')).toEqual({ Words: ['sh'] });
    expect(list(text)(['a', null, 'b'], '')).toEqual(['a', 'b']);
  });

  it('reads a create request as Go clients write it', () => {
    const body = containerCreateBody(
      {
        Image: 'busybox',
        Cmd: ['true'],
        Entrypoint: null,
        ExposedPorts: { '80/tcp': {} },
        Volumes: { '/data': null },
        HostConfig: { PortBindings: { '80/tcp': null }, NanoCpus: 5e8, RestartPolicy: { Name: 'no' } },
        NetworkingConfig: { EndpointsConfig: { bridge: null } },
      },
      '',
    );
    expect(body).toEqual({
      Image: 'busybox',
      Cmd: ['true'],
      ExposedPorts: { '80/tcp': {} },
      Volumes: { '/data': {} },
      HostConfig: { PortBindings: { '80/tcp': [] }, NanoCpus: 5e8, RestartPolicy: { Name: 'no' } },
      NetworkingConfig: { EndpointsConfig: { bridge: {} } },
    });
  });
});

describe('query parameters', () => {
  it('knows the words for no', () => {
    const no = [undefined, '', '0', 'false', 'False', 'no', 'none'];
    expect(no.map(given => boolean(given, 'x', []))).toEqual(no.map(() => false));
    expect(['1', 'true', 'yes', 't'].map(given => boolean(given, 'x', []))).toEqual([true, true, true, true]);
    expect(booleanOr(true)(undefined, 'stream', [])).toBe(true);
    expect(booleanOr(true)('0', 'stream', [])).toBe(false);
  });

  it('reads whole numbers as Go does', () => {
    expect(optionalInteger('-1', 't', [])).toBe(-1);
    expect(optionalInteger('', 't', [])).toBeUndefined();
    expect(() => optionalInteger('ten', 't', [])).toThrow('strconv.Atoi: parsing "ten": invalid syntax');
  });

  it('reads moments in seconds, and not in RFC 3339', () => {
    expect(timestamp('1700000000.500000000', 'since', [])).toEqual(new Date(1_700_000_000_500));
    expect(timestamp('1700000000.000000005', 'since', [])).toEqual(new Date(1_700_000_000_000));
    expect(timestamp('9223372036854775807', 'since', [])).toEqual(new Date(8.64e15));
    expect(() => timestamp('2024-01-02T03:04:05Z', 'since', [])).toThrow('invalid syntax');
    expect(timestamp('0', 'since', [])).toBeUndefined();
    expect(() => timestamp('soon', 'since', [])).toThrow('strconv.ParseInt: parsing "soon": invalid syntax');
  });

  it('reads filters in both forms', () => {
    expect(filters('{"label":["a=b"]}', 'filters', [])).toEqual({ label: ['a=b'] });
    expect(filters('{"label":{"a=b":true,"c":false}}', 'filters', [])).toEqual({ label: ['a=b', 'c'] });
    for (const bad of ['{', '[]', '{"a":1}', '"x"']) {
      expect(() => filters(bad, 'filters', [])).toThrow('invalid filter');
    }
  });

  it('collects what is given several times', () => {
    expect(repeated('a', 'names', ['a', '', 'b'])).toEqual(['a', 'b']);
  });
});
