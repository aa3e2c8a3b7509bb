import { expect, it } from 'vitest';
import { renderTag } from '../../../../guest-agent/logs/log-tag.ts';

const subject = {
  id: '86212345abcd6789',
  name: 'lg',
  imageId: 'sha256:489eb99092f4987b',
  imageName: 'busybox',
  command: ['echo', 'x'],
  createdAt: '2026-01-01T00:00:00Z',
};

// As dockerd showed them.
it.each([
  ['{{.Name}}/{{.ImageName}}/{{.ImageID}}/{{.DaemonName}}', 'lg/busybox/sha256:489eb/docker'],
  ['{{.Command}}|{{.ContainerName}}|{{.ContainerArgs}}|{{truncate .ID 3}}', 'echo x|/lg|[x]|862'],
  ['a{{ upper .Name | lower }}b{{ .ID }}', 'algb86212345abcd'],
  ['{{join .ContainerArgs ","}}{{index .ContainerArgs 0}}', 'xx'],
  ['plain', 'plain'],
])('%s is %s', (template, tag) => expect(renderTag(template, subject)).toBe(tag));

it.each([
  [
    '{{.Nope}}',
    `template: log-tag:1:2: executing "log-tag" at <.Nope>: can't evaluate field Nope in type *logger.Info`,
  ],
  ['{{', 'template: log-tag:1: unclosed action'],
  ['{{shout .ID}}', 'template: log-tag:1: function "shout" not defined'],
])('%s is refused', (template, message) => expect(() => renderTag(template, subject)).toThrow(message));
