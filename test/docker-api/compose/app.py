import http.server
import os
import socket

import psycopg2


class Visits(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        if self.path == "/health":
            return self.answer("well")
        with psycopg2.connect(host="database", user="postgres") as connection, connection.cursor() as cursor:
            cursor.execute("create table if not exists visits (id serial)")
            cursor.execute("insert into visits default values returning id")
            visit = cursor.fetchone()[0]
        with open("/run/secrets/password") as secret:
            self.answer(f"{visit} {os.environ['WORD']} {secret.read().strip()} {socket.gethostname()}")

    def answer(self, text):
        self.send_response(200)
        self.end_headers()
        self.wfile.write(text.encode())


print("serving", flush=True)
http.server.ThreadingHTTPServer(("", 8000), Visits).serve_forever()
