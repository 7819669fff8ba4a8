"""Pages of the settings, from the list that the daemon has:  settings.py conf|man OPTIONS.def VERSION DATA

conf  the configuration file as it is installed: every setting with its default, models of DATA set
man   foldscribed.conf(5)
"""

import re
import sys
import textwrap

STRING = r'"((?:[^"\\]|\\.)*)"'
ROW = re.compile(r"^OPTION_([A-Z]+)\(\w+,(.*?)\)$", re.M | re.S)


def settings(path):
    """(name, default, allowed, what it is) of each."""
    for kind, row in ROW.findall(open(path).read()):
        texts = [t.replace('\\"', '"') for t in re.findall(STRING, row)]
        name = texts.pop(0)
        if kind == "INT":
            value, least, most = [word.strip() for word in re.sub(STRING, "", row).split(",") if word.strip()][:3]
            yield name, value, f"{least} to {most}", "".join(texts)
        elif kind == "CHOICE":
            yield name, texts[0], texts[1].replace(" ", ", "), "".join(texts[2:])
        elif kind == "TEXT":
            yield name, texts[0], "text", "".join(texts[1:])
        elif kind == "LIST":
            yield name, "", "text, several times or with commas between", "".join(texts)
        else:
            raise ValueError(f"OPTION_{kind}: what is that?")


def conf(rows, version, data):
    shipped = {"model": "foldscribe-base.safetensors", "lm": "books-3gram.flm", "prose": "english.prose"}
    print("# foldscribed.conf - settings of foldscribed(8), see foldscribed.conf(5).\n"
          "# A line is 'name = value'. Defaults stand behind '#'. Environment variables and flags win over this file.\n")
    for name, default, allowed, doc in rows:
        print("\n".join(textwrap.wrap(f"{doc} [{allowed}]", 110, initial_indent="# ", subsequent_indent="# ")))
        print(f"{name} = {data}/{shipped[name]}\n" if name in shipped else f"#{name} = {default}\n")


def escape(text):
    text = text.replace("\\", "\\e").replace("-", "\\-")
    return re.sub(r"^([.'])", r"\\&\1", text)


def man(rows, version, data):
    print(f""".TH FOLDSCRIBED.CONF 5 "" "Foldscribe {version}" "File formats"
.SH NAME
foldscribed.conf \\- settings of foldscribed
.SH DESCRIPTION
A text file of lines
.IR "name = value" ,
named by
.BR foldscribed (8)'s
option
.BR \\-\\-config .
Empty lines and lines that begin with # are passed over. A name that is not known, a value that is not allowed and a
line of another form are errors that name the file, the line and what is allowed; the daemon then does not start.
.PP
Each setting is also a flag
.RB ( \\-\\-max\\-live " " 40 )
and an environment variable
.RB ( FOLDSCRIBE_MAX_LIVE=40 ).
Flags win over the environment, that over the file.
.SH SETTINGS""")
    for name, default, allowed, doc in rows:
        print(f".TP\n.B {escape(name)}\n{escape(doc)}.\nAllowed: {escape(allowed)}; default: {escape(default) or 'empty'}.")
    print(""".SH SEE ALSO
.BR foldscribed (8)""")


if __name__ == "__main__":
    form, path, version, data = sys.argv[1:]
    {"conf": conf, "man": man}[form](list(settings(path)), version, data)
