import { workerData } from 'node:worker_threads';
import type { DriverMount } from './driver-mount.ts';
import { mountHere } from './mount-here.ts';

/** A thread's whole life: one mount that may take long. What goes wrong is the thread's error. */
const { mount, target } = workerData as { mount: DriverMount; target: string };
mountHere(mount, target);
