"""Ask a guest all the time how long it has been up: one line an answer, or `<clock> -`. Runs on the lab's seat."""

import socket
import sys
import time


def ask(address: str) -> str:
    try:
        with socket.create_connection((address, 8080), timeout=1) as connection:
            _, uptime, boot_id = connection.makefile().read().split()
            return f"{uptime} {boot_id}"
    except (OSError, ValueError):
        return "-"


print("ready", flush=True)
while True:
    print(f"{time.monotonic():.3f} {ask(sys.argv[1])}", flush=True)
    time.sleep(0.2)
