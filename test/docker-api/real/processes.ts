import { expect, it } from 'vitest';
import { removeAll, type Stage, until } from './subject.ts';

/** Programs in containers: what they compute and see, how they end, what limits them. */
export function processTests(stage: () => Stage): void {
  computing(stage);
  surroundings(stage);
  endings(stage);
  restarting(stage);
  limits(stage);
  crowd(stage);
}

const program = `
import threading, socket, os, subprocess, multiprocessing, hashlib, ssl, sqlite3, tempfile
a, b = socket.socketpair()
sender = threading.Thread(target=lambda: b.sendall(b"x" * 1000000))
sender.start()
got = 0
while got < 1000000: got += len(a.recv(65536))
sender.join()
print("bytes", got)
print("sum", sum(i * i for i in range(100000)))
print("pid", os.getpid(), [p for p in os.listdir("/proc") if p.isdigit()])
print("child", subprocess.run(["id", "-un"], capture_output=True, text=True).stdout.strip())
print("pool", multiprocessing.get_context("fork").Pool(3).map(abs, [-1, -2, -3]))
print("hash", hashlib.sha256(b"berth").hexdigest()[:8], len(os.urandom(8)))
print("db", sqlite3.connect(":memory:").execute("select 6*7").fetchone()[0])
with tempfile.NamedTemporaryFile() as f: f.write(b"x" * 5000000); f.flush(); print("file", os.stat(f.name).st_size)
print("self", socket.gethostbyname(socket.gethostname()) != "", socket.gethostbyname("localhost"))
print("tty", os.isatty(0), "mounts", any(" / overlay " in m for m in open("/proc/mounts")))
server = socket.create_server(("127.0.0.1", 0)); client = socket.create_connection(server.getsockname())
print("loopback", client.getpeername()[0])
`;

function computing(stage: () => Stage): void {
  it('runs Python: threads, processes, sockets, files, /proc', async () => {
    const { engine, python } = stage();
    const printed = await engine.docker('run', '--rm', python, 'python3', '-c', program);
    expect(printed.trim().split('\n')).toEqual([
      'bytes 1000000',
      'sum 333328333350000',
      "pid 1 ['1']",
      'child root',
      'pool [1, 2, 3]',
      'hash 5c2f64c7 8',
      'db 42',
      'file 5000000',
      'self True 127.0.0.1',
      'tty False mounts True',
      'loopback 127.0.0.1',
    ]);
  });
}

function surroundings(stage: () => Stage): void {
  it('gives a program its user, folder, environment and entry point', async () => {
    const { engine, python } = stage();
    const print = 'import os; print(os.getcwd(), os.getuid(), os.getgid(), os.environ["A"], os.environ["HOME"])';
    const flags = ['-w', '/srv/new', '-u', '1234:99', '-e', 'A=b c', '--entrypoint', 'python3'];
    expect(await engine.docker('run', '--rm', ...flags, python, '-c', print)).toBe('/srv/new 1234 99 b c /\n');
  });

  it('runs more commands in a container that runs', async () => {
    const { engine, python } = stage();
    await engine.docker('run', '-d', '--name', 'host-of-execs', python, 'sleep', '1000');
    expect(await engine.docker('exec', 'host-of-execs', 'python3', '-c', 'import os; print(os.getpid() > 1)')).toBe(
      'True\n',
    );
    const piped = await engine.tryDocker(['exec', '-i', 'host-of-execs', 'sh', '-c', 'cat; exit 7'], { input: 'in\n' });
    expect(piped).toMatchObject({ code: 7, stdout: 'in\n' });
    const flags = ['-e', 'X=1', '-w', '/tmp', '-u', 'nobody'];
    expect(await engine.docker('exec', ...flags, 'host-of-execs', 'sh', '-c', 'echo $X $PWD $(id -un)')).toBe(
      '1 /tmp nobody\n',
    );
    await engine.docker('exec', '-d', 'host-of-execs', 'sh', '-c', 'echo done > /tmp/detached');
    await until('the detached command is done', () => engine.docker('exec', 'host-of-execs', 'cat', '/tmp/detached'));
    const top = await engine.docker('top', 'host-of-execs', '-o', 'pid,comm');
    expect(top).toMatch(/^PID +COMMAND\n\d+ +sleep\n$/);
    const [line] = (await engine.docker('stats', '--no-stream', '--format', '{{.Name}} {{.MemUsage}} {{.PIDs}}')).split(
      '\n',
    );
    expect(line).toMatch(/^host-of-execs [\d.]+[KM]iB \/ [\d.]+[GM]iB 1$/);
    await removeAll(stage());
  });
}

const obedient = `
import signal, sys, time
def end(*_):
    print("asked to end", flush=True)
    sys.exit(33)
signal.signal(signal.SIGTERM, end)
print("ready", flush=True)
while True: time.sleep(60)
`;

function endings(stage: () => Stage): void {
  const exitOf = (name: string): Promise<string> =>
    stage().engine.docker('inspect', '--format', '{{.State.Status}} {{.State.ExitCode}} {{.State.OOMKilled}}', name);

  it('stops a program that handles SIGTERM, and starts it again', async () => {
    const { engine, python } = stage();
    await engine.docker('run', '-d', '--name', 'obedient', python, 'python3', '-c', obedient);
    await until('it is ready', async () => (await engine.docker('logs', 'obedient')).includes('ready'));
    await engine.docker('stop', 'obedient');
    expect(await exitOf('obedient')).toBe('exited 33 false\n');
    expect(await engine.docker('logs', 'obedient')).toBe('ready\nasked to end\n');
    await engine.docker('restart', 'obedient');
    await until('it is ready again', async () => (await engine.docker('logs', 'obedient')).endsWith('ready\n'));
    await engine.docker('kill', '-s', 'TERM', 'obedient');
    expect(await engine.docker('wait', 'obedient')).toBe('33\n');
    await engine.docker('rm', 'obedient');
  });

  it('kills a program that does not want to end', async () => {
    const { engine, busybox } = stage();
    const stubborn = 'trap "" TERM; echo ready; while :; do sleep 1; done';
    await engine.docker('run', '-d', '--name', 'stubborn', busybox, 'sh', '-c', stubborn);
    await until('it is ready', async () => (await engine.docker('logs', 'stubborn')).includes('ready'));
    const began = performance.now();
    await engine.docker('stop', '-t', '1', 'stubborn');
    expect(performance.now() - began).toBeGreaterThan(900);
    expect(await exitOf('stubborn')).toBe('exited 137 false\n');
    await engine.docker('rm', 'stubborn');
  });

  it('removes a container that was run with --rm, by itself', async () => {
    const { engine, busybox } = stage();
    await engine.docker('run', '-d', '--rm', '--name', 'brief', busybox, 'true');
    await until('it is gone', async () => (await engine.docker('ps', '-aq')) === '');
  });
}

function restarting(stage: () => Stage): void {
  it('starts a failing program again, as often as asked', async () => {
    const { engine, busybox } = stage();
    const fails = ['sh', '-c', 'echo try; exit 3'];
    await engine.docker('run', '-d', '--name', 'failing', '--restart', 'on-failure:2', busybox, ...fails);
    const state = '{{.State.Status}} {{.State.ExitCode}} {{.RestartCount}}';
    await until(
      'it has given up',
      async () => (await engine.docker('inspect', '-f', state, 'failing')) === 'exited 3 2\n',
    );
    expect(await engine.docker('logs', 'failing')).toBe('try\ntry\ntry\n');
    await engine.docker('rm', 'failing');
  });
}

function limits(stage: () => Stage): void {
  it('ends a program that takes more memory than it may', async () => {
    const { engine, python } = stage();
    const greedy = ['python3', '-c', 'x = bytearray(200 << 20)'];
    const run = await engine.tryDocker(['run', '--name', 'greedy', '--memory', '32m', python, ...greedy]);
    expect(run.code).toBe(137);
    expect(await engine.docker('inspect', '-f', '{{.State.ExitCode}} {{.State.OOMKilled}}', 'greedy')).toBe(
      '137 true\n',
    );
    await engine.docker('rm', 'greedy');
  });

  it('gives a program half a processor when told so', async () => {
    const { engine, python } = stage();
    const busy = 'import time\nbegin, used = time.time(), time.process_time()\nwhile time.time() - begin < 2: pass\n';
    const share = 'print((time.process_time() - used) / (time.time() - begin))';
    const printed = await engine.docker('run', '--rm', '--cpus', '0.5', python, 'python3', '-c', busy + share);
    expect(Number(printed)).toBeLessThan(0.65);
  });

  it('bounds a fork bomb', async () => {
    const { engine, busybox } = stage();
    await engine.docker(
      'run',
      '-d',
      '--name',
      'bomb',
      '--pids-limit',
      '20',
      busybox,
      'sh',
      '-c',
      'b() { b | b & }; b; sleep 100',
    );
    await until('it says that it may not', async () =>
      (await engine.tryDocker(['logs', 'bomb'])).stderr.includes("can't fork"),
    );
    const pids = await engine.docker('stats', '--no-stream', '--format', '{{.PIDs}}', 'bomb');
    expect(Number(pids)).toBeLessThanOrEqual(20);
    await engine.docker('rm', '-f', 'bomb');
  });
}

function crowd(stage: () => Stage): void {
  it('runs twenty containers at once', async () => {
    const { engine, busybox } = stage();
    const numbers = Array.from({ length: 20 }, (_, number) => number);
    const printed = await Promise.all(
      numbers.map(number =>
        engine.docker(
          'run',
          '--name',
          `crowd${number}`,
          busybox,
          'sh',
          '-c',
          `echo ${number}; ip -o -4 addr show eth0`,
        ),
      ),
    );
    expect(printed.map(text => Number.parseInt(text, 10))).toEqual(numbers);
    const states = await engine.docker('ps', '-a', '--filter', 'name=crowd', '--format', '{{.State}}');
    expect(states).toBe('exited\n'.repeat(20));
    await removeAll(stage());
    expect(await engine.docker('ps', '-aq')).toBe('');
  });
}
