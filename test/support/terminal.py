"""Runs a program on a real terminal: what is typed comes on standard input, what it shows goes to standard output, and
lines of "rows columns" on descriptor 3 change the terminal's size."""

import fcntl, os, pty, select, struct, sys, termios


def resize(terminal, rows, columns):
    fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))


def relay(master):
    sources = [0, 3, master]
    while True:
        for source in select.select(sources, [], [])[0]:
            try:
                data = os.read(source, 65536)
            except OSError:
                data = b""
            if source == master:
                if not data:
                    return
                os.write(1, data)
            elif not data:
                sources.remove(source)
            elif source == 0:
                os.write(master, data)
            else:
                resize(master, *map(int, data.split()[-2:]))


rows, columns = int(sys.argv[1]), int(sys.argv[2])
pid, master = pty.fork()
if pid == 0:
    resize(0, rows, columns)
    os.execvp(sys.argv[3], sys.argv[3:])
relay(master)
sys.exit(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) & 255)
