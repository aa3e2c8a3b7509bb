import { cornerCases } from './corner-cases.ts';
import type { BuildCase } from './play-build.ts';

/** One Dockerfile a feature. */
export const buildCases: readonly BuildCase[] = [
  {
    name: 'metadata of every kind',
    dockerfile: `FROM busybox
MAINTAINER somebody <some@body.org>
ENV A=1 B="two words" C=it\\ is
ENV D $A-\${B}
LABEL one=1 "two words"="a b" multi="x \\
y"
ARG WITH=default
ARG NONE
EXPOSE 80 443/tcp 53/udp 8000-8002
VOLUME /data ["/more"]
VOLUME ["/a", "/b c"]
USER user
WORKDIR /w
WORKDIR sub/$A
STOPSIGNAL SIGQUIT
HEALTHCHECK --interval=5s --timeout=1m --start-period=1h2m --retries=3 CMD echo "ok" || exit 1
SHELL ["/bin/sh", "-ec"]
ENTRYPOINT exec top
CMD ["-b", "x y"]
ONBUILD RUN echo later
ONBUILD COPY . /app
`,
  },
  { name: 'a command before its entry point', dockerfile: 'FROM busybox\nCMD ["a"]\nENTRYPOINT ["b"]\n' },
  { name: 'an entry point takes the command of the image below', dockerfile: 'FROM busybox\nENTRYPOINT ["b"]\n' },
  { name: 'health none', dockerfile: 'FROM busybox\nHEALTHCHECK NONE\nCMD echo $HOME\n' },
  {
    name: 'health list',
    dockerfile: 'FROM busybox\nHEALTHCHECK --start-interval=2s CMD ["a","b"]\nENTRYPOINT ["x"]\n',
  },
  {
    name: 'expansion with every modifier',
    dockerfile: `ARG BASE=busybox
FROM $BASE
ARG E= F=foo.tar.gz P=/a/b/c
ENV M1=\${E:-empty} M2=\${E-set} M3=\${X-unset} M4=\${F:+there} M5=\${E+there} M6=\${F#*.} M7=\${F##*.} M8=\${F%.*} M9=\${F%%.*}
ENV R1=\${P/\\/a/x} R2=\${P//\\//-} Q='$F' S="\\$F" T=\\$F U=$F$P
RUN echo "$M1 $M2 $M3 $M4 $M5 $M6 $M7 $M8 $M9 $R1 $R2 $Q $S $T $U" > /out
COPY \${F%.tar.gz}.txt /\${F}/
WORKDIR /\${NOTHING:-fallback}
`,
    files: { 'foo.txt': 'foo' },
  },
  {
    name: 'copy of files, directories, globs and links',
    dockerfile: `FROM busybox
COPY a.txt b.txt /many/
COPY a.txt /renamed
COPY dir /dir
COPY dir/ /dir-slash/
COPY d*r/*.t?t /globbed/
COPY link /link-followed
COPY dir/inner-link /inner/
COPY dirlink /by-link
COPY . /all/
COPY a.txt tmp/
`,
    files: {
      'a.txt': 'a',
      'b.txt': 'bb',
      'dir/one.txt': '1',
      'dir/sub/two.txt': '2',
      'dir/inner-link': '->one.txt',
      link: '->a.txt',
      dirlink: '->dir',
      'empty/': '',
    },
  },
  {
    name: 'owners and modes',
    dockerfile: `FROM busybox
COPY --chown=user f /u1
COPY --chown=user:extra f /new/dir/u2
COPY --chown=1234:55 d /d1
COPY --chown=:7 f /g
COPY --chmod=0600 f /m1
COPY --chmod=711 d /m2
COPY --chmod=u=rwX,go=rX d /m3
COPY --chmod=+x f /m4
ADD --chown=user --chmod=640 d /m5
`,
    files: { f: 'x', 'd/e': 'y', 'd/s/t': 'z' },
  },
  {
    name: 'links',
    dockerfile: `FROM busybox
COPY --link a/b/c.txt /l1/l2/
COPY --link --chown=12:13 a /l3
`,
    files: { 'a/b/c.txt': 'c', 'a/readme.md': 'r', 'a/z.txt': 'z', 'x/y/z': '1' },
  },
  {
    name: 'here-documents',
    dockerfile: `FROM busybox
ENV W=world
COPY <<EOF <<-"RAW" /docs/
hello $W
EOF
	tab $W
	RAW
COPY <<one.txt /named
text
one.txt
RUN <<EOF
echo first > /run-out
echo "second $W" >> /run-out
EOF
RUN cat <<A > /shell-a && cat <<B > /shell-b
for a
A
for b
B
RUN <<EOF sed 's/x/y/' > /piped
xx
EOF
RUN <<EOF
#!/bin/sh -e
echo script > /script-out
EOF
`,
    buildKitOnly: true,
  },
  {
    name: 'add of archives',
    dockerfile: `FROM busybox AS pack
RUN mkdir -p /t/in/deep && echo 2 > /t/in/deep/two && chown -R 5:6 /t/in && cd /t && touch -d @0 /t/in/deep/two /t/in/deep /t/in && tar -cf /a.tar in
FROM busybox
COPY --from=pack /a.tar /as-it-is/
`,
  },
  {
    name: 'stages, and files from them',
    dockerfile: `FROM busybox AS base
ENV FROM_BASE=1
RUN echo base > /base
FROM base AS one
RUN echo one > /one
FROM scratch AS two
COPY --from=one /one /base /
FROM unused-image-that-is-not-there AS nobody
FROM base
COPY --from=two / /two/
COPY --from=0 /base /zero
COPY --from=busybox /etc/passwd /passwd
COPY --from=ONE /one /upper
`,
  },
  {
    name: 'target in the middle',
    dockerfile: 'FROM busybox AS a\nRUN echo a > /a\nFROM a AS b\nRUN echo b > /b\nFROM b AS c\nRUN exit 1\n',
    args: ['--target', 'b'],
  },
  {
    name: 'arguments in all scopes',
    dockerfile: `ARG GLOBAL=g
ARG OVER=default
FROM busybox AS a
ARG GLOBAL
ARG OVER
ARG OWN=own-\${GLOBAL}
RUN echo "$GLOBAL $OVER $OWN $TARGETARCH-$BUILDPLATFORM" > /a
FROM busybox
ARG OWN
ARG TARGETARCH BUILDOS
ENV OVER=env
ARG OVER=arg
RUN echo "[$GLOBAL] [$OWN] $OVER $TARGETARCH $BUILDOS" > /b
COPY --from=a /a /a
`,
    args: ['--build-arg', 'OVER=given', '--build-arg', 'http_proxy=http://127.0.0.1:1'],
  },
  {
    name: 'labels of the command line',
    dockerfile: 'FROM busybox\nLABEL a=1 b=2\n',
    args: ['--label', 'b=3', '--label', 'c=4'],
  },
  {
    name: 'what is ignored',
    dockerfile: 'FROM busybox\nCOPY . /all\n',
    files: {
      '.dockerignore':
        '# c\n*.log\n!keep.log\ndir/**/*.tmp\n/top\n**/node_modules\n!dir/node_modules/yes\nDockerfile\n',
      'a.log': '1',
      'keep.log': '2',
      'dir/x.tmp': '3',
      'dir/y/z.tmp': '4',
      'dir/top': '5',
      top: '6',
      'dir/node_modules/no': '7',
      'dir/node_modules/yes': '8',
    },
  },
  {
    name: 'what is ignored oddly',
    dockerfile: 'FROM busybox\nCOPY . /all\n',
    files: {
      '.dockerignore':
        '\ufeffblanks   \n\n  /lead\n./dot\na/../up\n*/x?\n[ab].c\n**/deep\n!d/deep/kept\nslash/\n! e\ne\n',
      blanks: '1',
      lead: '2',
      dot: '3',
      up: '4',
      'd/x1': '5',
      'd/x22': '6',
      'a.c': '7',
      'c.c': '8',
      'd/deep/kept': '9',
      'd/deep/gone': '10',
      'slash/f': '11',
      e: '12',
      'f#g': '13',
    },
  },
  {
    name: 'links that lead out of the context',
    dockerfile: 'FROM busybox\nCOPY . /all\n',
    files: {
      out: '->/etc/hostname',
      up: '->../../../../etc/hostname',
      'd/dangling': '->nowhere',
      'd/round': '->round',
    },
  },
  {
    name: 'a link that leads out is followed inside',
    dockerfile: 'FROM busybox\nCOPY out /x\nCOPY up /y\n',
    files: { out: '->/inside', up: '->../../../inside', inside: 'of the context' },
  },
  {
    name: 'a link to nothing in the context',
    dockerfile: 'FROM busybox\nCOPY out /x\n',
    files: { out: '->/etc/hostname' },
  },
  {
    name: 'an ignore file of its own',
    dockerfile: 'FROM busybox\n',
    files: {
      'Other.Dockerfile': 'FROM busybox\nCOPY . /all\n',
      'Other.Dockerfile.dockerignore': 'b\n',
      a: '1',
      b: '2',
      '.dockerignore': 'a\n',
    },
    args: ['-f', '{folder}/Other.Dockerfile'],
    buildKitOnly: true,
  },
  {
    name: 'users and directories of work',
    dockerfile: `FROM busybox
WORKDIR /root-made
USER user
WORKDIR /user-made/deep
RUN id > /tmp/id && pwd >> /tmp/id && umask >> /tmp/id
USER 77:88
RUN id > /tmp/id2
WORKDIR /tmp/x
`,
  },
  {
    name: 'every mount',
    dockerfile: `FROM busybox AS src
RUN mkdir /s && echo s > /s/f
FROM busybox
RUN --mount=type=cache,target=/c,uid=3,gid=4,mode=0750 stat -c '%u:%g %a' /c > /o1
RUN --mount=type=cache,id=named,target=/c,from=src,source=/s cat /c/f > /o2
RUN --mount=target=/ctx cat /ctx/file > /o3 && ! touch /ctx/no 2>/dev/null
RUN --mount=type=bind,from=src,source=/s,target=/b,rw touch /b/yes && ls /b > /o4
RUN --mount=type=tmpfs,target=/t,size=1048576 df -k /t | tail -1 | while read a b c; do echo $b; done > /o5; touch /t/x
RUN --mount=type=secret,id=sec cat /run/secrets/sec > /o6 && stat -c '%u:%g %a' /run/secrets/sec >> /o6
RUN --mount=type=secret,id=sec,target=/else/where,uid=5,gid=6,mode=0440 stat -c '%u:%g %a' /else/where > /o7
RUN --mount=type=secret,id=sec,env=SEC echo "$SEC" > /o8
RUN --mount=type=secret,id=absent test ! -e /run/secrets/absent
RUN --mount=type=ssh echo "[$SSH_AUTH_SOCK]" > /o9
WORKDIR /wd
RUN --mount=type=bind,target=rel,source=file cat rel > /o10
RUN --network=none ip -o link | grep -c . > /o11; --security=sandbox true || true
`,
    files: { file: 'from the context', secret: 'hush' },
    args: ['--secret', 'id=sec,src={folder}/secret'],
    buildKitOnly: true,
  },
  {
    name: 'a required secret that is not there',
    dockerfile: 'FROM busybox\nRUN --mount=type=secret,id=nope,required cat /run/secrets/nope\n',
    buildKitOnly: true,
  },
  {
    name: 'named contexts',
    dockerfile:
      'FROM base AS a\nCOPY --from=files f /f\nRUN --mount=from=files,target=/m cat /m/f > /g\nFROM a\nCOPY --from=a /f /h\n',
    files: { 'other/f': 'named' },
    args: ['--build-context', 'base=docker-image://busybox', '--build-context', 'files={folder}/other'],
    buildKitOnly: true,
  },
  {
    name: 'hosts, limits and memory',
    dockerfile:
      'FROM busybox\nRUN grep -c one.example /etc/hosts > /o; ulimit -n >> /o; df -k /dev/shm | tail -1 | while read a b c; do echo $b; done >> /o\n',
    args: ['--add-host', 'one.example:10.1.2.3', '--ulimit', 'nofile=321:654', '--shm-size', '8m'],
  },
  {
    name: 'escape by a backtick',
    dockerfile: '# escape=`\nFROM busybox\nRUN echo a `\n  b > /o\nENV P=C:\\x Q=`$P\n',
  },
  {
    name: 'comments and empty lines inside',
    dockerfile:
      'FROM busybox\nRUN echo a && \\\n# a comment\n\n  echo b > /o\n  # indented\nENV X=1 \\\n  # between\n  Y=2\n',
  },
  {
    name: 'whiteouts',
    dockerfile: 'FROM busybox\nRUN mkdir /x && touch /x/a /x/b\nRUN rm /x/a && rm -r /home && mkdir /home\n',
  },
  { name: 'a shell of its own', dockerfile: 'FROM busybox\nSHELL ["/bin/sh", "-xc"]\nRUN echo $0 > /o\nCMD run it\n' },
  { name: 'from scratch', dockerfile: 'FROM scratch\nCOPY f /\nENV A=1\n', files: { f: 'x' } },
  { name: 'a failing command', dockerfile: 'FROM busybox\nRUN echo no >&2; exit 7\n' },
  { name: 'a missing file', dockerfile: 'FROM busybox\nCOPY nope /\n' },
  { name: 'an unknown instruction', dockerfile: 'FROM busybox\nRUNN x\n' },
  { name: 'an unknown flag', dockerfile: 'FROM busybox\nCOPY --form=x a b\n' },
  { name: 'an unknown stage', dockerfile: 'FROM busybox\n', args: ['--target', 'nope'] },
  { name: 'a bad modifier', dockerfile: 'FROM busybox\nENV A=$' + '{B:?is needed}\n' },
  { name: 'no file at all', dockerfile: '# nothing\n' },
  { name: 'a bad mount', dockerfile: 'FROM busybox\nRUN --mount=type=nope,target=/x true\n' },
  { name: 'a here-document without an end', dockerfile: 'FROM busybox\nRUN <<EOF\necho\n' },
  { name: 'a bad chown', dockerfile: 'FROM busybox\nCOPY --chown=nobody-knows f /\n', files: { f: 'x' } },
  {
    name: 'what the linter says of a stage',
    dockerfile: `FROM busybox AS last
WORKDIR rel/path
WORKDIR /abs
WORKDIR rel2
MAINTAINER me
CMD echo one
CMD ["two"]
ENTRYPOINT ["x"]
ENTRYPOINT ["y"]
HEALTHCHECK NONE
HEALTHCHECK CMD true
ENV K v
LABEL k v
ARG MY_PASSWORD
ENV AWS_SECRET_ACCESS_KEY=1 TOKENIZER=2 PUBLIC_KEY=3
EXPOSE 80/TCP
EXPOSE 0.0.0.0:80:80 8080:80
COPY $FOO$PTH /x/
RUN echo $BAR
ENV PTH=$PAHT:/x
USER $UNDEFD
`,
    files: { f: 'x' },
  },
  {
    name: 'what the linter says of a file',
    dockerfile: `ARG TAG=latest
ARG EMPTY
FROM busybox AS Upper
RUN echo a && \\

    echo b
from busybox as lower
Run echo mixed
FROM busybox AS lower
FROM busybox AS scratch
FROM --platform=linux/amd64 busybox AS constant
FROM --platform=linux/amd64 busybox AS for_amd64
FROM --platform=$TARGETPLATFORM busybox AS redundant
FROM busybox:\${TAGX:-latest}
arg npm_token DB_PASSWD auth_key=1 hushkey PUBLIC_TOKEN
`,
  },
  {
    name: 'warnings that end a build',
    dockerfile: '# check=skip=JSONArgsRecommended;error=true\nFROM busybox\nCMD a\nMAINTAINER x\nRUN exit 1\n',
  },
  { name: 'warnings that are skipped', dockerfile: '# check=skip=all\nFROM busybox\nMAINTAINER x\n' },
  ...cornerCases,
];
