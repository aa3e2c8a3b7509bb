import { type Scenario, step } from './step.ts';

/** Mounts that want the same place, and what of another container's mounts is taken over. */
const meetingMounts: Scenario = {
  name: 'mounts that meet',
  steps: [
    step('run --rm --tmpfs /m:size=1m --mount type=tmpfs,dst=/m,tmpfs-size=2m busybox df -k /m'),
    step('run --rm --tmpfs /m:size=1m --mount type=volume,src=one,dst=/m busybox df -k /m'),
    step('run --rm --tmpfs /m -v one:/m busybox true'),
    step('run --rm -v one:/m --mount type=tmpfs,dst=/m busybox true'),
    step('run --rm --tmpfs /m:size=abc busybox true', { hide: [/tmpfs:\/m.*(?=, data)/g] }),
    step('create --name ca -v one:/m -v one:/n busybox'),
    step('create --name cb -v two:/m:ro busybox'),
    step('create --name cc --volumes-from ca --volumes-from cb busybox'),
    step('inspect -f \'{{range .Mounts}}{{if eq .Destination "/m"}}{{.Name}}|{{.Mode}}|{{.RW}}{{end}}{{end}}\' cc'),
    step('create --name cd --volumes-from cb --volumes-from ca:ro busybox'),
    step('inspect -f \'{{range .Mounts}}{{if eq .Destination "/m"}}{{.Name}}|{{.Mode}}|{{.RW}}{{end}}{{end}}\' cd'),
    step('run --rm --volumes-from cb --volumes-from ca busybox touch /m/x'),
    step('run --rm --volumes-from ca --volumes-from cb busybox touch /m/x'),
  ],
};

/** Events that end in a command, values of filters that are true by one word, addresses of log servers. */
const oddWords: Scenario = {
  name: 'words that few use',
  steps: [
    step('run -d --name ca busybox sleep 100'),
    step('exec ca true'),
    step('exec ca echo a b'),
    step('image prune -f --filter dangling=foo'),
    step('volume ls -q --filter dangling=T'),
    step('volume ls -q --filter dangling=1 --filter dangling=true --filter dangling=foo'),
    step('run --log-driver gelf --log-opt gelf-address=foo busybox true'),
    step("inspect -f '{{json .HostConfig.MemorySwappiness}} {{json .Config}}' ca", { hide: [/"Hostname":"\w+"/] }),
    step('run -d --name cb --mac-address 02:42:ac:16:77:02 busybox sleep 100'),
    step("inspect -f '{{.Config.MacAddress}} {{.NetworkSettings.Networks.bridge.MacAddress}}' cb"),
    step('run --rm --network none --network bridge busybox true'),
    step('exec ca ln -s round /round'),
    step('cp /etc/hostname ca:/round/x'),
  ],
};

export const fewUseScenarios: Scenario[] = [meetingMounts, oddWords];
