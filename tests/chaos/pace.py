"""How fast the machine is just now. What takes too long is counted in work that the machine could
have done meanwhile, not in seconds: on one that is busy with something else nothing is late.

A beat is a bit of what a daemon and its clients do: start a process, hash, write, sync. On a machine
at rest it takes BEAT. Where it takes five times as long, time goes by at a fifth of its speed."""

import hashlib
import os
import subprocess
import threading
import time

BEAT = 0.01    # seconds, on a machine at rest
SHARE = 20     # of the time, one part is for beats


class Pace:
    def __init__(self, directory):
        self.path = os.path.join(directory, "beat")
        self.done = 0.0   # seconds of a machine at rest
        self.slowest = 1.0
        self.over = threading.Event()
        self.thread = threading.Thread(target=self.work, name="pace", daemon=True)
        self.thread.start()

    def beat(self):
        subprocess.run(["/bin/true"], check=True)
        data = bytes(1 << 20)
        hashlib.md5(data).digest()
        with open(self.path, "wb") as file:
            file.write(data[:65536])
            file.flush()
            os.fsync(file.fileno())

    def work(self):
        while not self.over.is_set():
            began = time.monotonic()
            self.beat()
            took = time.monotonic() - began
            self.over.wait(took * (SHARE - 1))
            speed = min(1.0, BEAT / took)
            self.slowest = min(self.slowest, speed)
            self.done += (time.monotonic() - began) * speed

    def stop(self):
        self.over.set()
        self.thread.join()

    def deadline(self, seconds):
        """A function that says whether so many seconds, by the clock and by the pace, are over."""
        until, done = time.monotonic() + seconds, self.done + seconds
        return lambda: time.monotonic() > until and self.done > done
