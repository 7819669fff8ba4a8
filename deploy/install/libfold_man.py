"""libfold(3) from the header, whose comments say everything:  libfold_man.py fold.h VERSION"""

import re
import sys


def main(path, version):
    text = open(path).read()
    intro = re.search(r"/\* fold\.h - (.*?)\*/", text, re.S)[1]
    intro = "\n".join(line.removeprefix(" *").removeprefix(" ") for line in intro.splitlines())
    body = text[text.index("#define FOLD_H\n") + len("#define FOLD_H\n"):text.rindex("#ifdef __cplusplus")]

    def literal(block):
        block = block.strip("\n").replace("\\", "\\e").replace("-", "\\-")
        return re.sub(r"^([.'])", r"\\&\1", block, flags=re.M)

    print(f""".TH LIBFOLD 3 "" "Foldscribe {version}" "Library functions"
.SH NAME
libfold \\- speech recognition with a foldable seed
.SH SYNOPSIS
.nf
#include <fold.h>

cc program.c $(pkg\\-config \\-\\-cflags \\-\\-libs libfold)
.fi
.SH DESCRIPTION
.nf
{literal(intro)}
.fi""")
    for part in re.split(r"(?m)^/\* ---- ", body):
        title, _, rest = part.partition(" ----")
        heading, content = (title, re.sub(r"^-* \*/", "", rest)) if rest else ("Errors and version", part)
        print(f".SH {heading.upper()}\n.nf\n{literal(content)}\n.fi")
    print(""".SH EXAMPLE
embed.c, in the folder of examples that comes with the library, transcribes a file in forty lines.
.SH SEE ALSO
.BR foldscribed (8)""")


main(*sys.argv[1:])
