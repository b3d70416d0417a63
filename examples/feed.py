"""Send a CSV column of millivolts at 250 Hz. Needs pyzmq and nothing else: python feed.py FILE [tcp://127.0.0.1:5555]"""

import array
import json
import sys
import time

import zmq

with open(sys.argv[1]) as file:
    values = array.array("f", map(float, file))
socket = zmq.Context.instance().socket(zmq.XPUB)
socket.connect(sys.argv[2] if len(sys.argv) > 2 else "tcp://127.0.0.1:5555")
socket.recv()  # a service has subscribed
start, chunk = time.time_ns(), 10
header = {"v": 1, "stream": "csv", "epoch": str(start), "fs": 250, "leads": ["II"], "unit": "mV", "dtype": "<f4"}
for seq, index in enumerate(range(0, len(values), chunk)):
    piece = values[index : index + chunk]
    planned = start + (index + len(piece)) * 4_000_000
    time.sleep(max(0, planned - time.time_ns()) / 1e9)
    header |= {"seq": seq, "index": index, "n": len(piece), "time_ns": start + index * 4_000_000, "sent_ns": planned}
    header["end"] = index + chunk >= len(values)
    socket.send_multipart([b"ecg/csv/", json.dumps(header).encode(), piece.tobytes()])
