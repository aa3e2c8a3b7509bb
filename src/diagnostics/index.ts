/** Room `diagnostics`: looks at everything that Berth needs and says, for each, what is so, why it is bad and what to do. */
export { type Examined, examine, type Finding } from './checks.ts';
