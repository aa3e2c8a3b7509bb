import { describe, expect, it } from 'vitest';
import type { ContainerInspect } from '../../../../contracts/docker/containers.ts';
import type { EventMessage } from '../../../../contracts/docker/events.ts';
import type { ImageInspect } from '../../../../contracts/docker/images.ts';
import type { DiskUsage } from '../../../../contracts/docker/system.ts';
import { streamType } from '../../../../guest-agent/api/answer.ts';
import { shapeCreate, shapeInspect } from '../../../../guest-agent/api/shape-containers.ts';
import { shapeImageInspect } from '../../../../guest-agent/api/shape-images.ts';
import { shapeDiskUsage, shapeEvent } from '../../../../guest-agent/api/shape-system.ts';

/* What dockerd 28.5 cannot be asked for: API 1.52, as its history of versions tells it. The older ones are recorded. */
describe('API 1.52', () => {
  it('has no flat addresses of the default bridge, and no empty OnBuild', () => {
    const document = {
      Id: 'a'.repeat(64),
      Config: { OnBuild: null, Image: 'x', MacAddress: '02:00:00:00:00:01' },
      HostConfig: { KernelMemoryTCP: 0, Memory: 1 },
      NetworkSettings: { Bridge: '', IPAddress: '172.17.0.2', MacAddress: '', Ports: {}, Networks: {} },
    } as unknown as ContainerInspect;
    expect(shapeInspect(document, 52)).toMatchObject({
      Config: { Image: 'x' },
      HostConfig: { Memory: 1 },
      NetworkSettings: { Ports: {}, Networks: {} },
    });
    expect(Object.keys(shapeInspect(document, 52).NetworkSettings)).toEqual(['Ports', 'Networks']);
    expect(shapeInspect(document, 52).Config).toEqual({ Image: 'x' });
    expect(shapeInspect(document, 51).Config).toMatchObject({ MacAddress: '02:00:00:00:00:01' });
    expect(shapeInspect(document, 51).NetworkSettings).toMatchObject({ IPAddress: '172.17.0.2' });
  });

  it('does not know an address for the whole container any more', () => {
    const body = { Image: 'x', MacAddress: '02:00:00:00:00:01' };
    expect(shapeCreate(body, 52)).toEqual({ Image: 'x' });
    expect(shapeCreate(body, 51)).toEqual({
      Image: 'x',
      NetworkingConfig: { EndpointsConfig: { bridge: { MacAddress: '02:00:00:00:00:01' } } },
    });
  });

  it('tells of events by their actor alone, in lines or in a sequence', () => {
    const event = { status: 'start', id: 'x', from: 'y', Type: 'container', Action: 'start' } as EventMessage;
    expect(shapeEvent(event, 52)).toEqual({ Type: 'container', Action: 'start' });
    expect(shapeEvent(event, 51)).toEqual(event);
    expect(shapeEvent({ ...event, Type: 'image', Action: 'create' }, 45)).toBeUndefined();
    expect(streamType('text/html, application/json-seq;q=0.9')).toBe('application/json-seq');
    expect(streamType('application/x-ndjson')).toBe('application/x-ndjson');
    expect(streamType('*/*')).toBe('application/json');
    expect(streamType()).toBe('application/json');
  });

  it('leaves out what an image does not say', () => {
    const document = { Id: 'x', Parent: '', Comment: '', DockerVersion: '', Author: 'me', Config: { Cmd: ['sh'] } };
    expect(shapeImageInspect(document as unknown as ImageInspect, 52)).toEqual({
      Id: 'x',
      Author: 'me',
      Config: { Cmd: ['sh'] },
    });
    const older = shapeImageInspect(document as unknown as ImageInspect, 51);
    expect(older.Config).toMatchObject({ Cmd: ['sh'], User: '', Labels: null });
  });

  it('sums up the use of the disk, with items or without, and with the old lists where nobody says', () => {
    const sums = { ActiveCount: 0, TotalCount: 1, Reclaimable: 5, TotalSize: 5 };
    const usage = { Volumes: [{ Name: 'v' }], VolumeUsage: sums } as unknown as DiskUsage;
    expect(shapeDiskUsage(usage, 52, undefined)).toEqual(usage);
    expect(shapeDiskUsage(usage, 52, false)).toEqual({ VolumeUsage: sums });
    expect(shapeDiskUsage(usage, 52, true)).toEqual({ VolumeUsage: { ...sums, Items: [{ Name: 'v' }] } });
    expect(shapeDiskUsage(usage, 51, undefined)).toEqual({
      LayersSize: 0,
      Images: null,
      Containers: null,
      Volumes: [{ Name: 'v' }],
      BuildCache: null,
    });
  });
});

describe('older versions', () => {
  it('cannot mean what came later', () => {
    const HostConfig = { Annotations: { a: 'b' }, CgroupnsMode: 'host', ConsoleSize: [1, 1], KernelMemory: 5 };
    expect(shapeCreate({ Image: 'x', HostConfig }, 39).HostConfig).toEqual({ KernelMemory: 5, IpcMode: 'shareable' });
    expect(shapeCreate({ Image: 'x', HostConfig }, 42).HostConfig).toEqual({
      CgroupnsMode: 'host',
      ConsoleSize: [1, 1],
    });
    const endpoints = { EndpointsConfig: { one: {}, two: {} } };
    expect(() => shapeCreate({ Image: 'x', NetworkingConfig: endpoints }, 43)).toThrow(
      'Container cannot be created with multiple network endpoints',
    );
  });
});
