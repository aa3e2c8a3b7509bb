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

const refusedLogs = [
  ...['--log-driver nope', '--log-opt nope=1', '--log-driver local --log-opt labels=a', '--log-opt max-size=abc'],
  ...['--log-opt max-size=-5', '--log-opt max-file=0', '--log-opt max-file=x', '--log-opt compress=maybe'],
  ...['--log-opt max-size=1k --log-opt compress=true', '--log-opt mode=foo', '--log-opt max-buffer-size=1m'],
  ...['--log-opt mode=non-blocking --log-opt max-buffer-size=zz', '--log-opt labels-regex=['],
  ...['--log-opt tag={{.Nope}}', '--log-opt tag={{', '--log-driver local --log-opt max-file=1'],
  ...['--log-driver local --log-opt compress=maybe', '--log-driver syslog --log-opt x=1'],
  ...['address=ftp://foo', 'address=tcp://127.0.0.1:1', 'address=unix:///nope', 'facility=zz', 'format=zz'].map(
    option => `--log-driver syslog --log-opt syslog-${option}`,
  ),
  ...['--log-driver gelf', '--log-driver gelf --log-opt gelf-address=udp://127.0.0.1'],
  '--log-driver gelf --log-opt gelf-address=tcp://127.0.0.1:1',
  '--log-driver gelf --log-opt gelf-address=tcp://127.0.0.1:1 --log-opt gelf-compression-type=gzip',
  '--log-driver gelf --log-opt gelf-address=udp://127.0.0.1:1 --log-opt gelf-compression-level=99',
  ...['address=foo://bar', 'address=127.0.0.1:1', 'address=unix:///nope', 'async=zz', 'retry-wait=zz'].map(
    option => `--log-driver fluentd --log-opt fluentd-${option}`,
  ),
  ...['--log-driver journald --log-opt x=1', '--log-driver syslog --log-opt cache-disabled=zz'],
];

/** What a log is told to be: refusals at the creation and at the start, and what `docker logs` can show. */
export const logsScenario: Scenario = {
  name: 'log drivers',
  steps: [
    ...refusedLogs.map(options => step(`run --rm ${options} busybox true`)),
    step('run --name ca --log-driver none busybox echo unseen'),
    step('logs ca'),
    step('run --name cb --log-driver fluentd --log-opt fluentd-async=true busybox echo kept here, too'),
    step('logs cb'),
    step(
      'run --name cc --log-driver fluentd --log-opt fluentd-async=true --log-opt cache-disabled=true busybox echo x',
    ),
    step('logs cc'),
    step(
      "run --name cd --log-opt tag={{.Name}} --log-opt labels=a --log-opt env-regex=^B --label 'a=b c' -e B=2 busybox echo x",
    ),
    step('logs --details cd'),
    step(
      "run --name ce --log-driver local --log-opt max-size=2k --log-opt max-file=3 busybox sh -c 'i=0; while [ $i -lt 20 ]; do echo line $i; i=$((i+1)); done'",
    ),
    step('logs --tail 3 ce'),
    step('inspect --format {{.HostConfig.LogConfig}}|{{.LogPath}} ca ce'),
    step('rm ca cb cc cd ce'),
  ],
};

const committed =
  "commit -a me -m msg -c 'CMD [\"a\",\"b\"]' -c 'ENV Z=1 Q=\"a b\"' -c 'EXPOSE 80 53/udp' -c 'LABEL l=m' -c 'USER user' -c 'WORKDIR /w' -c 'WORKDIR sub' -c 'VOLUME /v1 /v2' -c 'STOPSIGNAL INT' -c 'ONBUILD RUN x' -c 'HEALTHCHECK --interval=5s CMD true' -c 'ENTRYPOINT top -b' ca other:1";
const refusedChanges = ['RUN x', 'FOO x', 'ENV', 'LABEL', 'HEALTHCHECK x', 'EXPOSE abc', 'STOPSIGNAL ZZZ'];

/** `docker commit`: the layer, with what was removed, and the config, with what is changed. */
export const commitScenario: Scenario = {
  name: 'commit',
  steps: [
    step(
      "run --name ca -e A=1 --label x=y -v /vol busybox sh -c 'echo hi > /hi; rm /etc/group; rm -r /home; mkdir /home; echo x > /home/x; mkdir -p /d/e; ln /hi /hi2'",
    ),
    step(committed),
    step("inspect --format '{{json .Config}}|{{.Author}}|{{.Comment}}|{{len .RootFS.Layers}}' other:1"),
    step("history --format '{{.CreatedBy}}|{{.Size}}|{{.Comment}}' other:1"),
    step(
      "run --rm --entrypoint sh -u root other:1 -c 'cat /hi /hi2 /home/x; ls -a /home /d; ls /etc; stat -c %h /hi; echo $Z $Q; pwd'",
    ),
    step('run -d --name cb busybox sleep 100'),
    step('commit cb other:1'),
    step("history --format '{{.CreatedBy}}|{{.Size}}|{{.Comment}}' other:1"),
    step('inspect --format {{.State.Status}} cb'),
    ...refusedChanges.map(change => step(`commit -c '${change}' ca other:1`)),
    step('commit ca BAD'),
    step('commit nosuch'),
    step('rm -f ca cb'),
  ],
};

const named = 'ps -a --format {{.Names}} --filter name=';
/** What is asked for by names that are expressions, by words that are none, and after the last network was left. */
export const cornerScenario: Scenario = {
  name: 'corners: names, signals, runtimes and networks',
  steps: [
    step('create --name ca busybox true'),
    step('run -d --name cb busybox sleep 1000'),
    ...['^ca$', '^/ca$', 'a$', '^/?cb$', 'zz', '['].map(name => step(`${named}${name}`)),
    ...['^bridge$', 'ridge', '^rid'].map(name => step(`network ls --format {{.Name}} --filter name=${name}`)),
    step('stop -s FOO cb'),
    step('restart -s FOO cb'),
    step('restart -s FOO nosuch'),
    step('network disconnect bridge cb'),
    step("inspect --format '{{json .NetworkSettings.Networks}}' cb"),
    step('restart -t 0 cb'),
    step("inspect --format '{{json .NetworkSettings.Networks}}' cb"),
    step("exec cb sh -c 'ls /sys/class/net | grep eth'"),
    step('network connect bridge cb'),
    step("exec cb sh -c 'ls /sys/class/net | grep eth'"),
    step('create --name cc --runtime io.containerd.foo.v2 busybox true'),
    step('start cc'),
    ...['foo', '/usr/bin/runc', '.a.b'].map(name => step(`create --runtime ${name} busybox true`)),
    step('create --name cd --memory 100m --memory-reservation 50m busybox true'),
    step('update --memory 20m cd'),
    step('start cd'),
    step('create --name ce --entrypoint /nosuch busybox'),
    step('restart ce'),
    ...['max-file=-1', 'max-file=x', 'max-size=-1', 'max-file=0'].map(option =>
      step(`run --rm --log-driver local --log-opt ${option} busybox true`),
    ),
    step('run --rm --log-opt max-size=-1 busybox true'),
    step('checkpoint ls cb'),
    step('rm -f ca cb cc cd ce'),
  ],
};
