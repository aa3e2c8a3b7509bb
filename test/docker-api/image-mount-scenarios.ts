import { type Scenario, step } from './step.ts';

const runs = (mount: string, script: string) =>
  step(`run --rm --mount type=image,target=/img,${mount} busybox sh -c '${script}'`, {
    lastErrorLine: true,
    hide: [/\/\S+(merged|diff)\b/g, /\nRun .*/g],
  });
const creates = (mount: string) => step(`create --mount type=image,${mount} busybox`);

const imageMounts: Scenario = {
  name: 'image mounts',
  steps: [
    step(
      "run --name cc busybox sh -c 'echo fresh > /etc/fresh; rm /etc/group; mkdir /more; ln -s /etc/passwd /more/link'",
    ),
    step('commit cc other:latest'),
    step('rm cc'),
    runs('source=other', 'ls /img; cat /img/etc/fresh; ls /img/etc; touch /img/x'),
    runs('source=other,image-subpath=etc', 'ls /img; ls -ld /img | cut -c1-10'),
    runs('source=other,image-subpath=etc/fresh', 'cat /img'),
    runs('source=other,image-subpath=more/../etc', 'ls /img'),
    runs('source=other,image-subpath=nosuch', 'true'),
    runs('source=busybox,image-subpath=home', 'ls -ld /img | cut -c1-10'),
    runs('source=busybox', 'ls /img; touch /img/x; rm -f /img/etc/passwd; ls /img/etc'),
    creates('source=busybox,target=/img,image-subpath=../x'),
    creates('source=busybox,target=/img,image-subpath=/etc'),
    creates('target=/img'),
    creates('source=busybox,target=relative'),
    creates('source=busybox,target=/'),
    creates('source=BAD,target=/img'),
    step('create --mount type=image,source=busybox,target=/img -v /img busybox'),
    step('run -d --name im --mount type=image,source=other,target=/img busybox sleep 1000'),
    step("inspect im --format '{{json .Mounts}} {{json .HostConfig.Mounts}}'", { hide: [/"Source":"\/[^"]*"/g] }),
    step('ps --format {{.Mounts}}'),
    step('run --rm --volumes-from im busybox cat /img/etc/fresh'),
    step('rmi other'),
    step('rmi -f other'),
    step('image prune -af', { hide: [/^(untagged|deleted|Total).*\n/gm] }),
    step('restart -t 0 im'),
    step('exec im cat /img/etc/fresh'),
    step('rm -f im'),
  ],
};

export const imageMountScenarios: Scenario[] = [imageMounts];
