# A frontend for BuildKit's gateway as small as it can be: HTTP/2 and protobuf by hand, one call after another. It reads the
# file that it is for, and for each of its lines `file NAME TEXT` or `run COMMAND` asks for an operation on an image; the last
# is its result.
import hashlib, json, os, struct, sys

def varint(n):
    out = b''
    n &= (1 << 64) - 1
    while True:
        low, n = n & 127, n >> 7
        out += bytes([low | (128 if n else 0)])
        if not n: return out

def field(number, value):
    if isinstance(value, int): return varint(number << 3) + varint(value)
    if isinstance(value, str): value = value.encode()
    return varint(number << 3 | 2) + varint(len(value)) + value

def pair(number, key, value): return field(number, field(1, key) + field(2, value))

def fields(data):
    at, found = 0, []
    def number():
        nonlocal at
        value = shift = 0
        while True:
            byte = data[at]; at += 1
            value |= (byte & 127) << shift; shift += 7
            if byte < 128: return value
    while at < len(data):
        tag = number()
        if tag & 7 == 0: found.append((tag >> 3, number()))
        else:
            length = number()
            found.append((tag >> 3, data[at:at + length])); at += length
    return found

def first(data, number): return next((value for key, value in fields(data) if key == number), b'')

receive, send = sys.stdin.buffer, sys.stdout.buffer

def frame(kind, flags, stream, payload=b''):
    send.write(struct.pack('>I', len(payload))[1:] + bytes([kind, flags]) + struct.pack('>I', stream) + payload)
    send.flush()

def header(name, value):
    return b'\0' + bytes([len(name)]) + name.encode() + bytes([len(value)]) + value.encode()

send.write(b'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n')
frame(4, 0, 0)
frame(8, 0, 0, struct.pack('>I', 1 << 30))
streams = 1

def call(method, message=b''):
    global streams
    stream, streams = streams, streams + 2
    path = '/moby.buildkit.v1.frontend.LLBBridge/' + method
    names = [(':method', 'POST'), (':scheme', 'http'), (':path', path), (':authority', 'x'), ('te', 'trailers')]
    block = b''.join(header(*each) for each in names + [('content-type', 'application/grpc')])
    frame(1, 4, stream, block)
    frame(0, 1, stream, b'\0' + struct.pack('>I', len(message)) + message)
    answer = b''
    while True:
        head = receive.read(9)
        if len(head) < 9: sys.exit('the connection ended')
        payload = receive.read(int.from_bytes(head[:3], 'big'))
        kind, flags, of = head[3], head[4], int.from_bytes(head[5:], 'big')
        if kind == 4 and not flags & 1: frame(4, 1, 0)
        if kind == 6 and not flags & 1: frame(6, 1, 0, payload)
        if of != stream: continue
        if kind == 0: answer += payload
        if kind in (0, 1) and flags & 1:
            if not answer: sys.exit(method + ' was refused')
            return answer[5:]

operations = []
def operation(message):
    operations.append(message)
    return 'sha256:' + hashlib.sha256(message).hexdigest()
def need(digest): return field(1, field(1, digest))
def definition(digest):
    return b''.join(field(1, each) for each in operations + [need(digest)])
def solve(digest): return first(first(call('Solve', field(1, definition(digest)) + field(5, 1) + field(6, 1)), 3), 3)

options = dict(os.environ[each].split('=', 1) for each in os.environ if each.startswith('BUILDKIT_FRONTEND_OPT_'))
filename = options.get('filename', 'Dockerfile')
call('Ping')
if options.get('build-arg:CRASH'): sys.exit('no wish to go on')
local = operation(field(3, field(1, 'local://dockerfile') + pair(2, 'local.includepattern', json.dumps([filename]))))
text = first(call('ReadFile', field(1, first(solve(local), 1)) + field(2, filename)), 1).decode()
if options.get('build-arg:REFUSE'):
    call('Return', field(2, field(1, 2) + field(2, 'nothing to be made of ' + filename)))
    sys.exit()
base = options.get('build-arg:BASE', 'docker.io/library/busybox:latest')
said = json.loads(first(call('ResolveImageConfig', field(1, base)), 2))
operations.clear()
at = operation(field(3, field(1, 'docker-image://' + base)))
minus = varint(0xffffffffffffffff)
for line in text.splitlines():
    word, _, rest = line.partition(' ')
    if word == 'file':
        name, _, content = rest.partition(' ')
        action = field(1, '/' + name) + field(2, 0o644) + field(3, content + '\n') + varint(5 << 3) + minus
        at = operation(need(at) + field(4, field(2, varint(2 << 3) + minus + field(5, action))))
    if word == 'run':
        meta = b''.join(field(1, each) for each in ['/bin/sh', '-c', rest]) + field(2, 'PATH=/bin') + field(3, '/')
        at = operation(need(at) + field(2, field(1, meta) + field(2, field(3, '/'))))
config = {**said, 'config': {**said['config'], 'Cmd': ['cat', '/made'], 'Labels': {'by': options['source']}}}
for key in ('rootfs', 'history', 'created'): config.pop(key, None)
call('Return', field(1, field(3, solve(at)) + pair(10, 'containerimage.config', json.dumps(config))))
