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
    step(
      'network create -d macvlan -o parent=lan0 --subnet 10.216.4.0/24 --subnet 10.216.5.0/24 --ipv6 --subnet fd00:216::/64 many',
    ),
    step("network inspect many --format '{{json .IPAM}}'"),
    step('run -d --name two --network many busybox sleep 1000'),
    place('two'),
    step("run --rm --network many --ip 10.216.5.9 busybox sh -c 'ip route | grep default'"),
    step('network create -d ipvlan -o parent=lan0 --subnet 10.216.6.0/24 iv'),
    step("network inspect iv --format '{{.Driver}} {{json .IPAM}} {{json .Options}}'"),
    step('network create -d ipvlan -o parent=lan0 --subnet 10.216.7.0/24 iv2'),
    refused('-d ipvlan -o parent=lo'),
    refused('-d ipvlan -o parent=nosuch'),
    refused('-d ipvlan -o ipvlan_mode=odd'),
    refused('-d ipvlan -o ipvlan_flag=odd'),
    step('network ls --filter driver=macvlan --format {{.Name}}'),
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

export const networkDriverScenarios: Scenario[] = [parents, forms];
