import { type Request, u8, u32 } from './message.ts';

const NFNL_SUBSYS_CTNETLINK = 1;
const IPCTNL_MSG_CT_DELETE = 2;
const AF_INET = 2;
const IPPROTO_UDP = 17;
const CTA_TUPLE_ORIG = 1;
const CTA_TUPLE_PROTO = 2;
const CTA_PROTO_NUM = 1;
const CTA_PROTO_DST_PORT = 3;
const CTA_FILTER = 25;
const CTA_FILTER_ORIG_FLAGS = 1;
const CTA_FILTER_REPLY_FLAGS = 2;
const filterByProtocol = 1 << 3;
const filterByDestinationPort = 1 << 5;

/**
 * Makes the kernel forget where datagrams for a port of the host went so far, so that the next one of a steady sender
 * finds today's rules. For a connection to the netfilter part of the kernel; older kernels than 6.9 answer EINVAL.
 */
export function forgetDatagrams(port: number): Request {
  const bigEndian = Buffer.alloc(2);
  bigEndian.writeUInt16BE(port);
  return {
    type: (NFNL_SUBSYS_CTNETLINK << 8) | IPCTNL_MSG_CT_DELETE,
    flags: 0,
    head: Buffer.from([AF_INET, 0, 0, 0]),
    attributes: [
      [
        CTA_TUPLE_ORIG,
        [
          [
            CTA_TUPLE_PROTO,
            [
              [CTA_PROTO_NUM, u8(IPPROTO_UDP)],
              [CTA_PROTO_DST_PORT, bigEndian],
            ],
          ],
        ],
      ],
      [
        CTA_FILTER,
        [
          [CTA_FILTER_ORIG_FLAGS, u32(filterByProtocol | filterByDestinationPort)],
          [CTA_FILTER_REPLY_FLAGS, u32(0)],
        ],
      ],
    ],
    subject: `datagrams for port ${port}`,
  };
}
