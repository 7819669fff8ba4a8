"""Files as C arrays, and a table of them:  embed.py NAME FILE... > HEADER

NAME_files[] = { {"file's name", its bytes with a zero behind them, how many}, ... }
"""

import pathlib
import sys

name, *paths = sys.argv[1:]
print(f"/* by embed.py */\n#include <stddef.h>\n")
for i, path in enumerate(paths):
    data = pathlib.Path(path).read_bytes()
    print(f"static const char {name}_{i}[{len(data) + 1}] = {{ /* {pathlib.Path(path).name} */")
    for at in range(0, len(data), 20):
        print(" ".join(f"{b - 256 if b > 127 else b}," for b in data[at:at + 20]))
    print("0};")
print(f"static const struct {{\n    const char *name, *bytes;\n    size_t count;\n}} {name}_files[] = {{")
for i, path in enumerate(paths):
    print(f'    {{"{pathlib.Path(path).name}", {name}_{i}, sizeof {name}_{i} - 1}},')
print("};")
