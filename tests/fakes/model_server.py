#!/usr/bin/env python3
"""A scripted model service on loopback, for real CLIs that must not reach a real one.

It speaks four protocols (see `model_wires.py`) and follows a plan that stands in the address: `/PLAN/CASE/…`, so one server
serves many runs at once. The plan `ok` asks for one new file by whatever edit tool the request offers, and ends with a text. The
others misbehave: `401`, `429`, `429-after`, `500`, `malformed`, `empty`, `hang`, `flood`. With `late-` in front, a plan
misbehaves only after the file has been written. `tries` makes the calls that the prompt lists, one after the other, whatever comes of
each. `interrupted` hangs then as well, until a prompt says that there was an attempt before.

It keeps nothing between requests: what it answers follows from the plan and the request alone. Deliberately absent: a model, TLS, and
any address but loopback.
"""

import argparse
import json
import random
import re
import socket
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import model_tools
import model_wires
from model_wires import Turn

PLANS = ["ok", "401", "429", "429-after", "500", "malformed", "empty", "hang", "flood", "interrupted", "tries"]
FLOOD_BYTES = 50 << 20
CHUNK_BYTES = 1 << 20
RETRY_AFTER_S = 7
HANG_S = 900


class Plan:
    """What one address asks for: a kind of behaviour, and whether it begins after the file has been written only."""

    def __init__(self, word):
        self.late = word.startswith("late-")
        self.kind = word.removeprefix("late-")
        if self.kind not in PLANS:
            raise ValueError(f"no plan named {word!r}; there are {', '.join(PLANS)}, each also with `late-`")

    def behaviour(self, ask):
        """The kind that holds for this request."""
        if self.kind == "flood":
            return "flood" if ask.answered or model_tools.edits_by_text(ask) else "ok"
        if self.kind == "interrupted":
            at_work = ask.answered or model_tools.edits_by_text(ask)
            return "hang" if at_work and not model_tools.tells_of_attempts(ask) else "ok"
        if self.late and not ask.answered:
            return "ok"
        return self.kind


def turn_for(ask, behaviour):
    """The model's next turn: the file, or the last words."""
    if behaviour == "flood":
        return Turn(chunks=flood() if ask.answered else [*flood(), "\n\n", model_tools.answer_without_tools(ask)], apart=ask.answered)
    if behaviour == "tries":
        call = model_tools.try_call(ask)
        return Turn(chunks=["I try it."], call=call, number=ask.answered) if call else Turn(chunks=["All ", "tried."])
    if ask.answered:
        return Turn(chunks=["All ", "done."])
    call = model_tools.write_call(ask)
    if call:
        return Turn(chunks=["I write the file."], call=call)
    return Turn(chunks=[model_tools.answer_without_tools(ask)])


def flood():
    """50 MB that do not repeat, since some CLIs stop a model that does."""
    rng = random.Random(1)
    for _ in range(FLOOD_BYTES // CHUNK_BYTES):
        words = rng.randbytes(CHUNK_BYTES // 2).hex()
        yield re.sub(r"(.{79})", r"\1\n", words)[:CHUNK_BYTES]


class Handler(BaseHTTPRequestHandler):
    """One request; the connection closes after the answer, so that no body needs a length."""

    protocol_version = "HTTP/1.0"

    def do_HEAD(self):
        self.reply(200, b"")

    def do_GET(self):
        self.reply(200, json.dumps(model_wires.models()).encode())

    def do_POST(self):
        body = self.rfile.read(int(self.headers.get("content-length") or 0))
        try:
            plan, path = self.address()
            wire = model_wires.wire_for(path)
            ask = wire.parse(path, json.loads(body or b"{}"))
        except (ValueError, KeyError) as error:
            self.note(error=str(error), path=self.path)
            self.reply(404, json.dumps({"error": {"message": f"fake model: {error}"}}).encode())
            return
        behaviour = plan.behaviour(ask)
        tasks, again = model_tools.times_asked(ask), model_tools.tells_of_attempts(ask)
        self.note(path=self.path, wire=wire.NAME, behaviour=behaviour, tools=[t.name for t in ask.tools], answered=ask.answered, tasks=tasks, again=again)
        self.server.dump(body)
        if ask.count_only:
            self.reply(200, json.dumps(wire.count()).encode())
        elif behaviour.isdigit() or behaviour == "429-after":
            self.refuse(wire, behaviour)
        elif behaviour == "hang":
            self.hang()
        elif behaviour == "empty":
            self.start_stream(wire)
        else:
            self.speak(wire, ask, behaviour)

    def address(self):
        parts = self.path.split("/", 3)
        if len(parts) < 4:
            raise ValueError(f"{self.path}: the address is /PLAN/CASE/…")
        return Plan(parts[1]), "/" + parts[3]

    def refuse(self, wire, behaviour):
        status = int(behaviour[:3])
        words = {401: "invalid api key", 429: self.quota_words(), 500: "internal error"}[status]
        extra = {"retry-after": str(RETRY_AFTER_S)} if behaviour == "429-after" else {}
        self.reply(status, json.dumps(wire.error(status, f"scripted: {words}")).encode(), extra)

    def quota_words(self):
        """What a service says whose quota is used up."""
        return "rate limit reached"

    def hang(self):
        """Accepts and never answers; ends when the other side does."""
        self.connection.settimeout(HANG_S)
        try:
            self.connection.recv(1)
        except OSError:
            pass
        self.close_connection = True

    def speak(self, wire, ask, behaviour):
        turn = turn_for(ask, behaviour)
        if not ask.stream:
            whole = json.dumps(wire.whole(turn, ask)).encode()
            self.reply(200, whole[: len(whole) // 2] if behaviour == "malformed" else whole)
            return
        self.start_stream(wire)
        for number, frame in enumerate(wire.frames(turn, ask)):
            if behaviour == "malformed" and number == 1:
                self.wfile.write(b'data: {"type": "oops", "half a\n\ndata: \xff\xfe]]\n\n')
                return
            self.wfile.write(frame)
            self.wfile.flush()

    def start_stream(self, wire):
        self.send_response(200)
        self.send_header("content-type", wire.STREAM_TYPE)
        self.send_header("connection", "close")
        self.end_headers()

    def reply(self, status, body, extra=None):
        self.send_response(status)
        for name, value in {"content-type": "application/json", "content-length": str(len(body)), **(extra or {})}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def note(self, **facts):
        self.server.note(facts)

    def log_message(self, *args):
        """Silence: the log is the server's own."""


class Server(ThreadingHTTPServer):
    """Listens on loopback only, on a port that the system chooses."""

    daemon_threads = True
    request_queue_size = 128

    def __init__(self, address, log, dump_dir, handler=Handler):
        super().__init__((address, 0), handler)
        self.log, self.dump_dir, self.lock, self.count = log, dump_dir, threading.Lock(), 0

    def note(self, facts):
        if self.log:
            with self.lock, open(self.log, "a", encoding="utf-8") as file:
                file.write(json.dumps({"at": round(time.time(), 3), **facts}) + "\n")

    def dump(self, body):
        if self.dump_dir:
            with self.lock:
                self.count += 1
                with open(f"{self.dump_dir}/{self.count:04}.json", "wb") as file:
                    file.write(body)

    def handle_error(self, request, client_address):
        """A client that goes away in the middle is what these tests are about."""
        if not isinstance(sys.exc_info()[1], (ConnectionError, socket.timeout)):
            super().handle_error(request, client_address)


def main(handler=Handler):
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--address", default="127.0.0.1", help="of the loopback: programs that keep a proxy from 127.0.0.1 reach another one through it")
    parser.add_argument("--log", help="file that gets a line of JSON for each request")
    parser.add_argument("--dump", help="directory that gets the body of each request")
    options = parser.parse_args()
    server = Server(options.address, options.log, options.dump, handler)
    print(server.server_address[1], flush=True)
    # Ends with whoever started it: nobody has to remember to stop it.
    threading.Thread(target=lambda: (sys.stdin.read(), server.shutdown()), daemon=True).start()
    server.serve_forever(poll_interval=0.2)


if __name__ == "__main__":
    main()
