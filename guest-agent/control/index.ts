/**
 * Room `control`: the machine's door to the host program. One SSH connection arrives on a forwarded port; on it run the
 * engine's socket, published ports, a shell, and one control connection with the calls of contracts/guest.ts in both
 * directions. The room also reads the power button and tells the readiness port how far the boot is. It exists only in a
 * machine (`--machine FILE`): natively there is no host to talk to.
 */
export { type Control, type ControlOptions, openControl, powerOffMarker } from './control.ts';
