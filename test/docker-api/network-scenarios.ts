import { type Scenario, step } from './step.ts';

const blue = step('network create --subnet 10.212.1.0/24 blue');
const green = step('network create --subnet 10.212.2.0/24 green');
const inner = step('network create --internal --subnet 10.212.3.0/24 inner');
const sleeper = (args: string) => step(`run -d ${args} busybox sleep 1000`);

/** A container's addresses and default route; which link has which number is up to chance. */
const addresses = (name: string) =>
  step(
    `exec ${name} sh -c 'ip -4 -o addr | tr -s " " | cut -d" " -f4 | sort; ip route | grep default | cut -d" " -f3; tail -n +7 /etc/hosts | sort'`,
    { hide: [/\b[0-9a-f]{12}\b/g] },
  );
/** What the world outside says of a name depends on where the engine is. */
const unknown = { hide: [/SERVFAIL|NXDOMAIN/g] };
const ask = (from: string, name: string) => step(`exec ${from} nslookup ${name}`, unknown);
/** Who wrote a file, and which name servers the host has, is another matter. */
const ofAnother = [/[\s\S]*?(?=nameserver 127)/, /^search (?!a\.example).*\n/gm];
/** Both questions are asked at once, and answered in any order. */
const resolve = (from: string, name: string) =>
  step(`exec ${from} sh -c 'nslookup -type=a ${name} | grep -A9 Name: | sort -u'`);
const hideMacs = { hide: [/"MacAddress":"[0-9a-f:]+"/g] };
const networksOf = (name: string) => step(`inspect ${name} --format '{{json .NetworkSettings.Networks}}'`, hideMacs);

const names: Scenario = {
  name: 'names in networks',
  steps: [
    blue,
    green,
    inner,
    sleeper('--name one --network blue --network-alias both --network-alias first --hostname hostone'),
    sleeper('--name two --network blue --network-alias both --network-alias Second'),
    sleeper('--name far --network green'),
    step('exec one cat /etc/resolv.conf', { hide: [...ofAnother, /ExtServers.*/g] }),
    resolve('one', 'two'),
    resolve('one', 'TWO'),
    resolve('one', 'two.blue'),
    resolve('one', 'two.green'),
    resolve('two', 'hostone'),
    resolve('one', 'both'),
    resolve('one', 'second'),
    resolve('one', 'far'),
    step("exec one sh -c 'nslookup 10.212.1.3 | grep name'"),
    step("exec one sh -c 'nslookup -type=aaaa two | grep -c Address'"),
    step("exec far sh -c 'nslookup two 2>&1 | grep find | sort -u'", unknown),
    step('rename two renamed'),
    resolve('one', 'renamed'),
    step("exec one sh -c 'nslookup 10.212.1.3 | grep name'"),
    step('stop -t 0 renamed'),
    resolve('one', 'both'),
    sleeper('--name six --network green --link far:near'),
    resolve('six', 'near'),
    step(
      'run --rm --network blue --dns 192.0.2.53 --dns-search a.example --dns-option ndots:2 busybox cat /etc/resolv.conf',
      { hide: ofAnother.slice(0, 1) },
    ),
    step('run --rm --network inner busybox nslookup nosuch.example', {
      lastErrorLine: true,
      hide: [/^.*timed out.*\n/gm],
    }),
    networksOf('one'),
    step('rm -f one renamed far six'),
  ],
};

const membership: Scenario = {
  name: 'connect and disconnect',
  steps: [
    blue,
    green,
    inner,
    sleeper('--name one --network green'),
    sleeper('--name two --network blue'),
    step('network connect --ip 10.212.1.77 --alias other blue one'),
    addresses('one'),
    resolve('two', 'other'),
    networksOf('one'),
    step('network connect blue one'),
    step('network connect nosuch one'),
    step('network connect blue nosuch'),
    step('network connect host one'),
    step('network connect none one'),
    step('network connect --ip 10.9.9.9 inner one'),
    step('network connect --ip 10.9.9.9 --alias x bridge one'),
    step('network connect --ip 10.212.1.77 blue two'),
    step('network connect --gw-priority 7 inner one'),
    addresses('one'),
    step('network disconnect blue one'),
    addresses('one'),
    ask('two', 'other'),
    step('network disconnect blue one'),
    step('network disconnect nosuch one'),
    step('network disconnect blue nosuch'),
    step('network disconnect -f blue nosuch'),
    step('network connect --gw-priority 3 --driver-opt com.docker.network.endpoint.ifname=named0 blue one'),
    addresses('one'),
    step("network inspect blue --format '{{len .Containers}}'"),
    step('network rm green'),
    step('stop -t 0 one'),
    step("network inspect blue --format '{{len .Containers}}'"),
    step('network disconnect green one'),
    step('network disconnect green one'),
    step('network connect nosuch one'),
    step('network disconnect nosuch one'),
    step('start one'),
    addresses('one'),
    sleeper('--name hh --network host'),
    step('network connect blue hh'),
    step('network disconnect host hh'),
    sleeper('--name nn --network none'),
    step('network connect blue nn'),
    step('network disconnect none nn'),
    step('network connect --ip 10.212.1.99 blue nn'),
    addresses('nn'),
    sleeper('--name dd'),
    step('network connect --ip 10.212.1.98 blue dd'),
    step('exec dd grep -c 127.0.0.11 /etc/resolv.conf'),
    step('network disconnect bridge dd'),
    addresses('dd'),
    sleeper('--name jj --network container:dd'),
    step('network connect green jj'),
    step('network disconnect bridge jj'),
    step('network prune -f'),
    step('rm -f one two hh nn dd jj'),
  ],
};

const links: Scenario = {
  name: 'links',
  steps: [
    sleeper('--name base -p 127.0.0.1:8077:77 -e WORD=said --expose 5/udp --hostname basement'),
    sleeper('--name up --link base:the-base --link base'),
    step("exec up sh -c 'env | grep BASE | sort; tail -n +7 /etc/hosts | grep base | sort -r'", {
      hide: [/172\.\d+\.\d+\.\d+/g],
    }),
    step("inspect up --format '{{len .HostConfig.Links}}'"),
    sleeper('--name only --link base:below'),
    step("inspect only --format '{{json .HostConfig.Links}}'"),
    step('run --rm --link nosuch busybox true', { lastErrorLine: true }),
    step('create --link base:a:b busybox'),
    step('create --link base --network host busybox'),
    step('create --link base --network container:base busybox'),
    step('stop -t 0 base'),
    step('run --rm --name vv --link base:xx busybox true', { hide: [/\nRun 'docker run --help'.*/g] }),
    step('rm -f base up only'),
  ],
};

const several: Scenario = {
  name: 'several networks at once',
  steps: [
    blue,
    green,
    sleeper('--name ab --network name=green,ip=10.212.2.50,alias=aa --network name=blue,mac-address=02:00:00:00:00:07'),
    addresses('ab'),
    sleeper('--name cd --network name=green,gw-priority=1 --network blue'),
    addresses('cd'),
    step('run --rm --network blue --ip 10.212.1.1 busybox true', { lastErrorLine: true, hide: [/\nRun .*/g] }),
    step('create --network blue --ip 1.2.3.4 busybox'),
    step('create --ip 1.2.3.4 busybox'),
    step('network ls --filter driver=bridge --filter type=custom --format {{.Name}}'),
    step('network ls --filter name=e --filter type=custom --format {{.Name}}'),
    step('rm -f ab cd'),
    step('network create --subnet 10.213.0.0/24 --aux-address taken=10.213.0.2 aux'),
    step("network inspect aux --format '{{json .IPAM}}'"),
    step('run --rm --network aux busybox ip -4 -o addr show eth0', { hide: [/^\d+: /gm, /\\ .*/g] }),
    step('network create --subnet 10.214.1.0/24 --subnet 10.214.2.0/24 twice'),
    step('network create --ipv4=false nothing'),
    step('network create -o com.docker.network.bridge.enable_icc=maybe odd'),
    step('network create -o com.docker.network.driver.mtu=x odd'),
    step('network create -o com.docker.network.bridge.host_binding_ipv4=x odd'),
    step('network create --ipam-driver nosuch odd'),
    step('network prune -f', { unordered: true }),
  ],
};

const dual: Scenario = {
  name: 'networks with IPv6',
  steps: [
    step('network create --ipv6 --subnet fd00:215::/64 --subnet 10.215.0.0/24 six'),
    step("network inspect six --format '{{json .IPAM}} {{.EnableIPv4}} {{.EnableIPv6}}'"),
    sleeper('--name one --network six --ip6 fd00:215::77 -p 8079:80'),
    sleeper('--name two --network six'),
    step("inspect one --format '{{json .NetworkSettings.Ports}}'"),
    networksOf('one'),
    step("exec one sh -c 'ip -6 route | grep default; tail -n +7 /etc/hosts'", { hide: [/\b[0-9a-f]{12}\b/g] }),
    step("exec two sh -c 'nslookup -type=aaaa one | grep -A9 Name: | sort -u'"),
    step("network inspect six --format '{{range .Containers}}{{.IPv6Address}} {{end}}'", {
      unordered: true,
      hide: [/\b(fd00:215::77\/64 fd00:215::2\/64|fd00:215::2\/64 fd00:215::77\/64)/],
    }),
    step('run --rm --network six --ip6 fd00:216::1 busybox true', { lastErrorLine: true }),
    step('create --network six --ip6 fd00:216::1 busybox'),
    step('network create --ipv6 --subnet fd00:215::/80 over'),
    step('network create --ipv6 --subnet fd00:217::1/64 over'),
    step('network disconnect six one'),
    step('network connect --ip6 fd00:215::99 six one'),
    step("exec one sh -c 'ip -6 route | grep default; tail -n +7 /etc/hosts'", { hide: [/\b[0-9a-f]{12}\b/g] }),
    step('rm -f one two'),
  ],
};

export const networkScenarios: Scenario[] = [names, membership, links, several, dual];
