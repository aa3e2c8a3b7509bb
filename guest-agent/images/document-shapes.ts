import { type Decoder, fields, flag, list, map, text } from '../../contracts/decode.ts';
import { containerConfig } from '../../contracts/docker/containers.ts';
import { invalidArgument } from '../../contracts/errors.ts';

/*
 * What foreign documents may look like, as Go's decoder has it: a label that is a number would make every list of images
 * one that no client can read.
 */

/** As `decoder`, of which nothing is missing in between: what uses a list looks at each entry. */
const whole = <T>(decoder: Decoder<T>): Decoder<T> =>
  Object.assign(
    (value: unknown, at: string): T => {
      if (Array.isArray(value) && value.includes(null))
        throw invalidArgument(`invalid JSON: ${at} has an entry that is null`);
      return decoder(value, at);
    },
    { goType: decoder.goType },
  );

const texts = whole(list(text));
const platformFields = { architecture: text, os: text, variant: text, 'os.version': text, 'os.features': texts };
const step = fields({ created: text, created_by: text, author: text, comment: text, empty_layer: flag });

/** An image's configuration (OCI image specification, config.md). */
export const imageConfigShape = fields(
  {
    ...platformFields,
    created: text,
    author: text,
    config: containerConfig,
    rootfs: fields({ type: text, diff_ids: texts }, 'image.RootFS'),
    history: whole(list(step)),
    docker_version: text,
    comment: text,
    container: text,
    parent: text,
  },
  'image.Image',
);

/** What a descriptor says beside what it stands for (OCI image specification, descriptor.md). */
export const descriptorShape = fields({
  mediaType: text,
  urls: texts,
  annotations: map(text),
  platform: fields(platformFields),
  data: text,
  artifactType: text,
});
