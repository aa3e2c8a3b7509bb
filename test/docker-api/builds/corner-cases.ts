import type { BuildCase } from './play-build.ts';

const files = { 'a/b/c': 'c', 'a/e': 'e', x: 'x', y: 'y' };

/** Where a Dockerfile's author is surprised: what stands in the way, what is inherited, and words that nobody knows. */
export const cornerCases: readonly BuildCase[] = [
  {
    name: 'copies to where links lead',
    dockerfile: `FROM busybox
RUN mkdir /real /d && ln -s /real /folder && ln -s /no/where /gone && ln -s ../new /d/up && echo old > /f && ln -s /f /file
COPY x /folder/
COPY a /folder
COPY x /gone
COPY x /d/up
COPY y /file
COPY x /folder/deep/x
`,
    files,
  },
  {
    name: 'copies of several to a place without a slash',
    dockerfile:
      'FROM busybox\nWORKDIR /w\nCOPY x y one\nCOPY a x two\nRUN mkdir three\nCOPY x y three\nADD [xy] /four\n',
    files,
  },
  { name: 'a directory on a file', dockerfile: 'FROM busybox\nRUN echo 1 > /f\nCOPY a /f\n', files },
  { name: 'a file on a directory', dockerfile: 'FROM busybox\nRUN mkdir -p /t/e\nCOPY a /t/\n', files },
  { name: 'a directory below a file', dockerfile: 'FROM busybox\nRUN echo 1 > /f\nCOPY x /f/sub\n', files },
  { name: 'a directory of work on a file', dockerfile: 'FROM busybox\nRUN echo 1 > /f\nWORKDIR /f\n' },
  {
    name: 'modes in letters',
    dockerfile: `FROM busybox
COPY --chmod=u=rwX,go=rX a /1
COPY --chmod=u+s,o-r x /2
COPY --chmod=a+x,g=u x /3
COPY --chmod=+t a /4
COPY --chmod=ug+rws,o= a /5
COPY --chmod=u+rw-x x /6
COPY --chmod== x /7
COPY --chmod= x /8
COPY --chmod=0 x /9
ADD --chmod=u+X,o=g --chown=5:6 x /10
`,
    files,
  },
  { name: 'a mode that nobody knows', dockerfile: 'FROM busybox\nCOPY --chmod=zz x /\n', files },
  { name: 'a mode that is too large', dockerfile: 'FROM busybox\nCOPY --chmod=17777 x /\n', files },
  {
    name: 'what a command knows of its host',
    dockerfile:
      'FROM busybox\nRUN env | grep -c HOSTNAME > /unasked || :\nENV HOSTNAME=mine\nRUN env | grep HOSTNAME > /asked\n',
    buildKitOnly: true,
  },
  { name: 'a stage in other letters', dockerfile: 'FROM busybox AS one\nFROM One\n', buildKitOnly: true },
  {
    name: 'arguments that a stage inherits',
    dockerfile: `FROM busybox AS one
ARG A=1
ARG B=$A-2
ENV A=env
ARG C
FROM one
RUN echo "$A $B $C" > /o
ARG C=\${D:-3} D=\${C:-4}
RUN echo "$A $B $C $D" > /p
`,
    args: ['--build-arg', 'A=cli'],
  },
  {
    name: 'triggers of a stage',
    dockerfile: `FROM busybox AS base
ONBUILD RUN echo trig > /trig
ONBUILD COPY x /
ONBUILD ENV T=1
ONBUILD ARG Z=2
ONBUILD WORKDIR /ob
FROM base AS child
RUN pwd > /pwd; echo $Z >> /pwd
FROM child
RUN pwd > /pwd2
`,
    files,
  },
  {
    name: 'directories of work as they are typed',
    dockerfile: 'FROM busybox\nWORKDIR /x//y/./z\nRUN pwd > /p\nWORKDIR ../q//r/\nCOPY ["x", "./"]\n',
    files,
  },
  { name: 'a network that nobody knows', dockerfile: 'FROM busybox\nRUN --network=foo true\n' },
  { name: 'a mount with a wrong key', dockerfile: 'FROM busybox\nRUN --mount=type=cache,tagret=/x true\n' },
  { name: 'a mount with a wrong type', dockerfile: 'FROM busybox\nRUN --mount=type=bindd,target=/x true\n' },
  { name: 'a mount of a size', dockerfile: 'FROM busybox\nRUN --mount=type=bind,target=/x,size=4k true\n' },
  { name: 'a mount that is shared', dockerfile: 'FROM busybox\nRUN --mount=target=/x,sharing=locked true\n' },
  { name: 'a mount on everything', dockerfile: 'FROM busybox\nRUN --mount=type=tmpfs true\n' },
  { name: 'a mount that may be written, or not', dockerfile: 'FROM busybox\nRUN --mount=target=/x,ro=maybe true\n' },
  { name: 'a program that is not there', dockerfile: 'FROM busybox\nRUN ["nope", "a b"]\n' },
  { name: 'a user that is not there', dockerfile: 'FROM busybox\nUSER nosuch\nRUN true\n' },
  { name: 'a signal that nobody knows', dockerfile: 'FROM busybox\nSTOPSIGNAL NOPE\n' },
  { name: 'a duration without its unit', dockerfile: 'FROM busybox\nHEALTHCHECK --interval=5 CMD x\n' },
  { name: 'fewer retries than none', dockerfile: 'FROM busybox\nHEALTHCHECK --retries=-1 CMD x\n' },
  {
    name: 'names of one file',
    dockerfile: `FROM busybox AS a
RUN mkdir -p /u/l/out/d && cd /u/l/out && echo 1 > f && ln f hard && ln f d/g && touch e0 && ln e0 e1
FROM scratch
COPY --from=a /u/l/out /o
COPY --from=a /u/l/out/f /u/l/out/hard /p/
COPY --from=a --chmod=600 --chown=5:6 /u /all
`,
  },
];
