import { isSyscallError, SyscallError } from '../syscalls/libc.ts';
import {
  AF_NETLINK,
  bindSocket,
  closeDescriptor,
  netlinkAddress,
  openSocket,
  receive,
  SO_RCVTIMEO,
  SOCK_RAW,
  SOL_SOCKET,
  sendOnce,
  setSocketNumber,
  setSocketOption,
} from '../syscalls/socket.ts';
import {
  decodeAnswer,
  decodeMessages,
  encodeRequest,
  type Message,
  NLM_F_ACK,
  NLM_F_DUMP,
  NLMSG_DONE,
  NLMSG_ERROR,
  type Request,
} from './message.ts';

const NETLINK_ROUTE = 0;
const NETLINK_NETFILTER = 12;
const SOL_NETLINK = 270;
const NETLINK_CAP_ACK = 10;
const NETLINK_EXT_ACK = 11;
const timeoutSeconds = 5;

/** One buffer for all connections: every exchange is one synchronous block. */
const inbox = Buffer.alloc(64 * 1024);

/**
 * A netlink(7) socket. It belongs for ever to the network namespace in which it was opened, wherever the thread goes
 * later. All calls are synchronous; one takes some tens of microseconds.
 */
class Connection {
  readonly #fd: number;
  readonly #name: string;
  #sequence = 1;

  constructor(protocol: number, name: string) {
    this.#name = name;
    this.#fd = openSocket(AF_NETLINK, SOCK_RAW, protocol);
    const timeout = Buffer.alloc(16);
    timeout.writeBigInt64LE(BigInt(timeoutSeconds));
    setSocketOption(this.#fd, SOL_SOCKET, SO_RCVTIMEO, timeout); // a kernel that does not answer must not stop the engine
    setSocketNumber(this.#fd, SOL_NETLINK, NETLINK_CAP_ACK, 1);
    setSocketNumber(this.#fd, SOL_NETLINK, NETLINK_EXT_ACK, 1);
    bindSocket(this.#fd, netlinkAddress(), 'netlink');
  }

  /** Does `requests` in their order. Those after a failed one are done too. @throws SyscallError of the first that failed */
  request(...requests: Request[]): void {
    const first = this.#sequence;
    const last = first + requests.length - 1;
    this.#sequence = last + 1;
    const packed = requests.map((request, index) =>
      encodeRequest(request, first + index, first + index === last ? NLM_F_ACK : 0),
    );
    sendOnce(this.#fd, packed.length === 1 && packed[0] ? packed[0] : Buffer.concat(packed));
    let failure: SyscallError | undefined;
    for (let answered = false; !answered; ) {
      for (const message of this.#receive()) {
        if (message.type !== NLMSG_ERROR || message.sequence < first) continue; // of an exchange that was given up
        const { errno, reason } = decodeAnswer(message);
        const subject = requests[message.sequence - first]?.subject ?? '';
        if (errno !== 0) failure ??= new SyscallError(this.#name, errno, reason ? `${subject} (${reason})` : subject);
        answered = message.sequence === last;
      }
    }
    if (failure) throw failure;
  }

  /** Asks for one object, or with `dump` for all of a kind. @throws SyscallError (ENODEV: there is none) */
  query(request: Request, options: { dump: boolean }): Message[] {
    const sequence = this.#sequence++;
    sendOnce(this.#fd, encodeRequest(request, sequence, options.dump ? NLM_F_DUMP : 0));
    const found: Message[] = [];
    for (;;) {
      for (const message of this.#receive()) {
        if (message.sequence !== sequence || message.type === NLMSG_DONE) {
          if (message.sequence === sequence) return found;
        } else if (message.type === NLMSG_ERROR) {
          throw new SyscallError(this.#name, decodeAnswer(message).errno, request.subject);
        } else {
          found.push({ ...message, payload: Buffer.from(message.payload) });
          if (!options.dump) return found;
        }
      }
    }
  }

  close(): void {
    closeDescriptor(this.#fd);
  }

  #receive(): Message[] {
    for (;;) {
      try {
        return decodeMessages(inbox.subarray(0, receive(this.#fd, inbox)));
      } catch (error) {
        if (!isSyscallError(error, 'EINTR')) throw error;
      }
    }
  }
}

/** Links, addresses and routes: rtnetlink(7). @throws SyscallError */
export class RouteConnection extends Connection {
  constructor() {
    super(NETLINK_ROUTE, 'rtnetlink');
  }
}

/** Connection tracking: what netfilter remembers of the traffic. @throws SyscallError */
export class NetfilterConnection extends Connection {
  constructor() {
    super(NETLINK_NETFILTER, 'nfnetlink');
  }
}
