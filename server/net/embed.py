"""A file as a C array:  embed.py FILE NAME > HEADER"""

import pathlib
import sys

data = pathlib.Path(sys.argv[1]).read_bytes()
print(f"/* {pathlib.Path(sys.argv[1]).name}, by embed.py */\nstatic const char {sys.argv[2]}[{len(data) + 1}] = {{")
for at in range(0, len(data), 20):
    print(" ".join(f"{b - 256 if b > 127 else b}," for b in data[at:at + 20]))
print("0};")
