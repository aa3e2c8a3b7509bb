"""Speaks the protocol of testcontainers' Ryuk: a client sends what its things are labelled with, and when it is gone, they go."""
import http.client
import json
import os
import socket
import threading
import time
import urllib.parse

RECONNECTION_SECONDS = float(os.environ.get("RYUK_RECONNECTION_SECONDS", "1"))

filters = set()
clients = 0
left_at = time.monotonic() + 60  # a first client has a minute
lock = threading.Lock()


class Engine(http.client.HTTPConnection):
    def __init__(self):
        super().__init__("localhost")

    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.connect("/var/run/docker.sock")


def ask(method, path, **query):
    engine = Engine()
    engine.request(method, path + "?" + urllib.parse.urlencode(query))
    answer = engine.getresponse()
    text = answer.read()
    engine.close()
    return json.loads(text) if text and answer.status == 200 else None


def serve(client):
    global clients, left_at
    for line in client.makefile("r"):
        with lock:
            filters.add(line.strip())
        client.sendall(b"ACK\n")
    with lock:
        clients -= 1
        left_at = time.monotonic()


def reap():
    for line in filters:
        wanted = {}
        for key, value in urllib.parse.parse_qsl(line):
            wanted.setdefault(key, []).append(value)
        text = json.dumps(wanted)
        for container in ask("GET", "/containers/json", all="1", filters=text) or []:
            if not container["Id"].startswith(socket.gethostname()):  # that is us
                ask("DELETE", "/containers/" + container["Id"], force="1", v="1")
        for network in ask("GET", "/networks", filters=text) or []:
            ask("DELETE", "/networks/" + network["Id"])
        for volume in (ask("GET", "/volumes", filters=text) or {}).get("Volumes") or []:
            ask("DELETE", "/volumes/" + volume["Name"], force="1")
        for image in ask("GET", "/images/json", filters=text) or []:
            ask("DELETE", "/images/" + image["Id"], force="1")


def accept(listener):
    global clients
    while True:
        client, _ = listener.accept()
        with lock:
            clients += 1
        threading.Thread(target=serve, args=(client,), daemon=True).start()


listener = socket.create_server(("", 8080))
threading.Thread(target=accept, args=(listener,), daemon=True).start()
print("Started", flush=True)
while True:
    time.sleep(0.1)
    with lock:
        if clients == 0 and time.monotonic() > left_at + RECONNECTION_SECONDS:
            break
reap()
print("Removed", flush=True)
