import { type Scenario, step } from './step.ts';

const health = "inspect --format '{{json .State.Health}}|{{json .Config.Healthcheck}}'";
const status = (filter: string) =>
  step(`ps -a --filter health=${filter} --format {{.Names}}|{{.Status}}`, { hide: [/Up .*? (?=\()|(?<=cc.)Up .*|[\w ]+ ago$/gm] });

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
