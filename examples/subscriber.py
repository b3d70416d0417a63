"""Print beats as they come. Needs pyzmq and nothing else: python subscriber.py [tcp://127.0.0.1:5556] [count]"""

import json
import sys

import zmq

address = sys.argv[1] if len(sys.argv) > 1 else "tcp://127.0.0.1:5556"
count = int(sys.argv[2]) if len(sys.argv) > 2 else None

socket = zmq.Context.instance().socket(zmq.SUB)
socket.subscribe(b"beat/")
socket.connect(address)
while count is None or count > 0:
    topic, payload = socket.recv_multipart()
    beat = json.loads(payload)
    if beat["type"] == "beat":
        rr = "none" if beat["rr_ms"] is None else f"{beat['rr_ms']:.0f} ms"
        print(f"{beat['stream']} beat {beat['beat']}: QRS {beat['onset']:.1f} to {beat['offset']:.1f}, RR {rr}")
        sys.stdout.flush()
        count = None if count is None else count - 1
