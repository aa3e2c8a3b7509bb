/**
 * Room `forwarding`: the host's end of the channel. One SSH session runs over a byte stream that a machine driver gives
 * (a loopback forward on QEMU); it is made again when it breaks. On it: `docker.sock` of this user, a listener for every
 * port that a container publishes, and the control connection, on which the guest asks for those ports and the host sets
 * the clock. Nothing here knows how the machine is run.
 */
export { checkSocketPath, type ForwardedSocket, forwardSocket, socketAnswers } from './docker-socket.ts';
export { GuestConnection } from './guest-connection.ts';
export { type GuestPeer, openGuestControl, synchroniseClock, watchForSleep } from './guest-control.ts';
export { PortForwarder, type UdpRule } from './port-forwarder.ts';
export { openSshSession, type SshSession } from './ssh-session.ts';
