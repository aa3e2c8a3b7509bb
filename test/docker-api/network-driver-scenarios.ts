import { type Scenario, step } from './step.ts';

/** A link of the host: a bridge that a network is asked to have. */
const lan = step('network create -o com.docker.network.bridge.name=lan0 --subnet 10.216.9.0/24 lan');
const place = (container: string) =>
  step(
    `exec ${container} sh -c 'ip -4 -o addr show eth0 | tr -s " " | cut -d" " -f4; ip route | sort; tail -n +7 /etc/hosts'`,
  );
const refused = (args: string) => step(`network create ${args} --subnet 10.216.3.0/24 odd`);

const parents: Scenario = {
  name: 'networks on links of the host',
  steps: [
    lan,
    step('network create -d macvlan -o parent=lan0 --subnet 10.216.1.0/24 mv'),
    step("network inspect mv --format '{{json .}}'"),
    refused('-d macvlan -o parent=lan0 -o macvlan_mode=passthru'),
    refused('-d macvlan -o parent=lan0 -o macvlan_mode=odd'),
    refused('-d macvlan -o parent=lo'),
    refused('-d macvlan -o parent=nosuch'),
    refused('-d macvlan -o parent=nosuch.7'),
    refused('-d macvlan -o parent=lan0.x'),
    refused('-d macvlan -o parent=lan0.5000'),
    step('network create -d macvlan -o parent=lan0 --subnet 10.216.1.0/24 again'),
    step('run -d --name one -p 8076:80 --network mv busybox sleep 1000'),
    place('one'),
    step("inspect one --format '{{json .NetworkSettings.Ports}}'"),
    step("network inspect mv --format '{{range .Containers}}{{.Name}} {{.IPv4Address}}{{end}}'"),
    step('network create -d macvlan -o parent=lan0 --internal --subnet 10.216.2.0/24 inner'),
    step('network connect inner one'),
    step("exec one sh -c 'ip route | grep default'"),
    step('network disconnect mv one'),
    step("exec one sh -c 'ip route'"),
    step('network create -d macvlan -o parent=lan0 --subnet 10.216.4.0/24 --ipv6 --subnet fd00:216::/64 many'),
    step("network inspect many --format '{{json .IPAM}}'"),
    step('run -d --name two --network many busybox sleep 1000'),
    place('two'),
    step("run --rm --network many --ip 10.216.4.9 busybox sh -c 'ip route | grep default'"),
    step('network create -d ipvlan -o parent=lan0 --subnet 10.216.6.0/24 iv'),
    step("network inspect iv --format '{{.Driver}} {{json .IPAM}} {{json .Options}}'"),
    step('network create -d ipvlan -o parent=lan0 --subnet 10.216.7.0/24 iv2'),
    refused('-d ipvlan -o parent=lo'),
    refused('-d ipvlan -o parent=nosuch'),
    refused('-d ipvlan -o ipvlan_mode=odd'),
    refused('-d ipvlan -o ipvlan_flag=odd'),
    step('network ls --filter driver=macvlan --format {{.Name}}'),
    step('run --rm --name three --network many busybox true'),
    step(
      "events --since 1h --until=-1s --filter type=network --filter event=connect --filter network=many --format '{{.Actor.Attributes.name}} {{.Actor.Attributes.type}}'",
    ),
    step('rm -f one two'),
    step('network prune -f', { unordered: true }),
  ],
};

const forms: Scenario = {
  name: 'networks that are forms',
  steps: [
    step('network create --config-only --subnet 10.216.10.0/24 -o com.docker.network.driver.mtu=1400 form'),
    step("network inspect form --format '{{json .}}'"),
    step('network create --config-only empty'),
    step("network inspect empty --format '{{json .}}'"),
    step('network create --config-from form made'),
    step("network inspect made --format '{{json .}}'"),
    step('run --rm --network made busybox cat /sys/class/net/eth0/mtu'),
    step('run --rm --network form busybox true', { lastErrorLine: true, hide: [/\nRun .*/g] }),
    step('network rm form'),
    step('network create --config-from nosuch odd'),
    step('network create --config-from bridge odd'),
    step('network create --config-from form --subnet 10.216.11.0/24 odd'),
    step('network create --config-from form --label a=b odd'),
    step('network create --config-from form -o a=b odd'),
    step('network create --config-only --config-from form odd'),
    step('network create --config-only --internal odd'),
    step('network prune -f'),
    step('network rm form empty'),
  ],
};

const shows = (network: string) =>
  step(
    `run --rm --network ${network} busybox sh -c 'ip -4 -o addr | tail -1 | tr -s " " | cut -d" " -f2,4; ip route | sort'`,
  );
const unfit = (options: string) => step(`network create ${options} odd`);
const gateway = 'com.docker.network.bridge.gateway_mode';

const bridgeOptions: Scenario = {
  name: 'options of bridges',
  steps: [
    step('network create -o com.docker.network.container_iface_prefix=web --subnet 10.216.20.0/24 named'),
    shows('named'),
    step(
      'network create -o com.docker.network.bridge.inhibit_ipv4=true --subnet 10.216.21.0/24 --gateway 10.216.21.5 without',
    ),
    shows('without'),
    step(`network create --internal -o ${gateway}_ipv4=isolated --subnet 10.216.22.0/24 isolated`),
    shows('isolated'),
    step(`network create -o ${gateway}_ipv4=nat-unprotected --subnet 10.216.23.0/24 open`),
    shows('open'),
    unfit(`-o ${gateway}_ipv4=isolated`),
    unfit(`-o ${gateway}_ipv4=odd`),
    unfit(`-o ${gateway}_ipv6=odd`),
    unfit('-o com.docker.network.bridge.inhibit_ipv4=x'),
    unfit('-o com.docker.network.host_ipv4=x'),
    step('network prune -f', { unordered: true }),
  ],
};

export const networkDriverScenarios: Scenario[] = [parents, forms, bridgeOptions];
