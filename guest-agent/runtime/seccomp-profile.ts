import type { SeccompProfile, SeccompRule } from '../../contracts/oci/runtime-spec.ts';

/** A profile as `docker run --security-opt seccomp=file` takes it: an OCI one whose rules may hang on conditions. */
export interface DockerSeccompProfile extends Omit<SeccompProfile, 'syscalls'> {
  archMap?: { architecture: string; subArchitectures?: string[] | null }[];
  syscalls?: DockerSeccompRule[];
}

export interface DockerSeccompRule extends Omit<SeccompRule, 'names'> {
  names?: string[];
  /** The old way to write one name. */
  name?: string;
  includes?: RuleCondition;
  excludes?: RuleCondition;
}

/** All of what is named must hold; of `arches` one. */
export interface RuleCondition {
  caps?: string[];
  arches?: string[];
  /** `4.8` */
  minKernel?: string;
}

/** What the conditions of a profile are about. */
export interface SeccompContext {
  /** The bounding set of the process: `CAP_SYS_ADMIN` … */
  capabilities: readonly string[];
  /** As uname(2) tells it: `6.12.48+deb13-amd64`. */
  kernel: string;
  /** As Node names it. */
  architecture?: string;
}

const natives: Record<string, { docker: string; scmp: string }> = {
  x64: { docker: 'amd64', scmp: 'SCMP_ARCH_X86_64' },
  arm64: { docker: 'arm64', scmp: 'SCMP_ARCH_AARCH64' },
};

/** True if `kernel` (a release with any suffix) is `wanted` or newer; only the first two numbers count. */
export function kernelAtLeast(kernel: string, wanted: string): boolean {
  const [major = 0, minor = 0] = kernel.split(/[.-]/).map(Number);
  const [wantedMajor = 0, wantedMinor = 0] = wanted.split('.').map(Number);
  return major > wantedMajor || (major === wantedMajor && minor >= wantedMinor);
}

function holds(rule: DockerSeccompRule, context: SeccompContext, docker: string): boolean {
  const { includes = {}, excludes = {} } = rule;
  const has = (capability: string): boolean => context.capabilities.includes(capability);
  if (excludes.arches?.includes(docker) || excludes.caps?.some(has)) return false;
  if (excludes.minKernel && kernelAtLeast(context.kernel, excludes.minKernel)) return false;
  if (includes.arches?.length && !includes.arches.includes(docker)) return false;
  if (!(includes.caps ?? []).every(has)) return false;
  return !includes.minKernel || kernelAtLeast(context.kernel, includes.minKernel);
}

/** Settles the conditions of a profile: what remains is one of OCI, for this processor, these capabilities, this kernel. */
export function resolveProfile(profile: DockerSeccompProfile, context: SeccompContext): SeccompProfile {
  const { archMap, syscalls = [], ...rest } = profile;
  const native = natives[context.architecture ?? process.arch];
  const mapped = archMap?.find(({ architecture }) => architecture === native?.scmp);
  const architectures = mapped ? [mapped.architecture, ...(mapped.subArchitectures ?? [])] : rest.architectures;
  return {
    ...rest,
    ...(architectures ? { architectures } : {}),
    syscalls: syscalls
      .filter(rule => holds(rule, context, native?.docker ?? ''))
      .map(({ name, names, includes: _includes, excludes: _excludes, ...rule }) => ({
        ...rule,
        names: names?.length ? names : name ? [name] : [],
      })),
  };
}
