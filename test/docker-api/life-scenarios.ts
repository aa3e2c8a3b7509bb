import { type Scenario, step } from './step.ts';

const health = "inspect --format '{{json .State.Health}}|{{json .Config.Healthcheck}}'";
const status = (filter: string) =>
  step(`ps -a --filter health=${filter} --format {{.Names}}|{{.Status}}`, {
    hide: [/Up .*? (?=\()|(?<=cc.)Up .*|[\w ]+ ago$/gm],
  });

/** What is there before the first probe and when nobody probes; the results themselves are a matter of time. */
export const healthScenario: Scenario = {
  name: 'health checks',
  steps: [
    step('run -d --name ca --health-cmd true --health-retries 5 --health-start-period 90s busybox sleep 100'),
    step(`${health} ca`),
    status('starting'),
    step('pause ca'),
    status('unhealthy'),
    step('unpause ca'),
    status('unhealthy'),
    step('stop -t 0 ca'),
    step(`${health} ca`),
    status('unhealthy'),
    step('start ca'),
    step(`${health} ca`),
    step('create --name cb --health-cmd true busybox'),
    step('run -d --name cc --no-healthcheck busybox sleep 100'),
    step(`${health} cb cc`),
    status('none'),
    step('ps --filter health=maybe'),
    step('create --health-cmd true --health-interval 10us busybox'),
    step('create --health-cmd true --health-retries=-1 busybox'),
    step('create --no-healthcheck --health-cmd true busybox'),
    step('rm -f ca cb cc'),
  ],
};

const fatal = { hide: [/\[FATAL [^\]]*\]/g] };

/** `--init`: who is process 1, what it does with signals and orphans, and how it ends. */
export const initScenario: Scenario = {
  name: 'an init process',
  steps: [
    step("run --rm --init busybox sh -c 'tr \\\\0 . < /proc/1/cmdline'"),
    step("run --rm --init busybox sh -c 'exit 7'"),
    step("run --rm --init busybox sh -c 'kill -9 $$'"),
    step('run --rm --init busybox nope', fatal),
    step('run --rm --init busybox /etc/passwd', fatal),
    step('run --rm --init --entrypoint /bin/echo -w /tmp -u 1000 busybox one two'),
    step("run --rm --init busybox sh -c '(sleep 0.1 &); sleep 0.5; set -- /proc/[0-9]*; echo $#'"),
    step("run --rm -t --init busybox sh -c 'tty; ps -o comm'"),
    step("run --rm --init --pid host busybox sh -c 'ls /sbin/docker-init'"),
    step('run --rm --init busybox touch /sbin/docker-init'),
    step(`run -d --name ca --init busybox sh -c 'trap "echo bye; exit 5" TERM; while :; do sleep 0.1; done'`),
    step('stop ca'),
    step('logs ca'),
    step(`inspect --format '{{.State.ExitCode}}|{{.HostConfig.Init}}|{{.Path}}|{{json .Args}}' ca`),
    step('rm ca'),
  ],
};
