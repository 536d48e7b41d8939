"""Round trips, counted from outside: a relay between a contender and the server's Unix socket counts how often the client speaks after
the server has spoken. Once per contender, over few rows; what a contender asks for ahead counts, too."""
import os, selectors, shutil, socket, subprocess, tempfile, threading

ROWS = 100000


class Relay:
    def __init__(self, server):
        self.folder = tempfile.mkdtemp(prefix="weir-turns-", dir="/tmp")
        self.target = f"{server.socket}/.s.PGSQL.{server.port}"
        self.listener = socket.socket(socket.AF_UNIX)
        self.listener.bind(f"{self.folder}/.s.PGSQL.{server.port}")
        self.listener.listen(8)
        self.turns = 0
        threading.Thread(target=self.serve, daemon=True).start()

    def serve(self):
        while True:
            try:
                client, _ = self.listener.accept()
            except OSError:
                return
            threading.Thread(target=self.carry, args=(client,), daemon=True).start()

    def carry(self, client):
        server = socket.socket(socket.AF_UNIX)
        server.connect(self.target)
        both, answered = selectors.DefaultSelector(), True
        both.register(client, selectors.EVENT_READ, server)
        both.register(server, selectors.EVENT_READ, client)
        try:
            while True:
                for key, _ in both.select():
                    data = key.fileobj.recv(1 << 20)
                    if not data:
                        return
                    if key.fileobj is server:
                        answered = True
                    elif answered:
                        self.turns, answered = self.turns + 1, False
                    key.data.sendall(data)
        except OSError:
            pass
        finally:
            for end in (client, server):
                end.close()

    def close(self):
        self.listener.close()
        shutil.rmtree(self.folder, ignore_errors=True)


def count_turns(cases, runs, server, rows):
    """Of those over the Unix socket that were run: round trips over min(rows, ROWS) rows, from the connection's start-up to its end."""
    told = {}
    for name in runs:
        words, extra = cases[name][:2]
        if not name.startswith("PostgreSQL: "):
            continue
        relay = Relay(server)
        zdb = {"PEER_ZDB_URL": extra["PEER_ZDB_URL"].replace(server.socket, relay.folder)} if "PEER_ZDB_URL" in extra else {}
        environment = {**os.environ, **extra, **zdb, "PGHOST": relay.folder, "PEER_LIMIT": str(min(rows, ROWS))}
        done = subprocess.run(words, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
        relay.close()
        if done.returncode == 0:
            told[name] = relay.turns
    return told
