import type { BlkioStats, CpuStats } from '../../contracts/docker/stats.ts';
import type { VersionDocument } from '../../contracts/docker/system.ts';

export const cpuStats: CpuStats = {
  cpu_usage: { total_usage: 1000, usage_in_kernelmode: 500, usage_in_usermode: 500 },
  system_cpu_usage: 100_000,
  online_cpus: 2,
  throttling_data: { periods: 0, throttled_periods: 0, throttled_time: 0 },
};

export const absentBlkio: BlkioStats = {
  io_service_bytes_recursive: null,
  io_serviced_recursive: null,
  io_queue_recursive: null,
  io_service_time_recursive: null,
  io_wait_time_recursive: null,
  io_merged_recursive: null,
  io_time_recursive: null,
  sectors_recursive: null,
};

export const version: VersionDocument = {
  Platform: { Name: 'Fake' },
  Components: [{ Name: 'Engine', Version: '0.0.1', Details: { ApiVersion: '1.51' } }],
  Version: '0.0.1',
  ApiVersion: '1.51',
  MinAPIVersion: '1.24',
  GitCommit: '',
  GoVersion: '',
  Os: 'linux',
  Arch: 'amd64',
  KernelVersion: '6.0',
  BuildTime: '',
};
