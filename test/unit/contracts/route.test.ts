import { expect, it } from 'vitest';
import { containerKill } from '../../../contracts/docker/container-routes.ts';
import { imageInspect } from '../../../contracts/docker/image-routes.ts';
import { pathOf } from '../../../contracts/route.ts';

it('fills the parameters of a path for a client', () => {
  expect(pathOf(containerKill, { ref: 'a b' })).toBe('/containers/a%20b/kill');
  expect(pathOf(imageInspect, { name: 'ghcr.io/a/b' })).toBe('/images/ghcr.io/a/b/json');
});
