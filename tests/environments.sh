# Python and npm packages for tests, kept in the user's cache folder; sourced by ./check.
# Each environment is made once for a list of packages and found again by that list's hash.

cache=${XDG_CACHE_HOME:-$HOME/.cache}/foldscribe

environment() { # name, file that lists the packages, function that fills a folder: prints the folder
    local name=$1 list=$2 fill=$3 folder
    folder=$cache/$name-$({ python3 --version; cat "$list"; } | sha256sum | cut -c1-12)
    mkdir -p "$cache"
    (
        flock 9 # tests that run side by side may want the same one
        [[ -f $folder/complete ]] && exit
        echo "Installing the packages of $list into $folder" >&2
        rm -rf "$folder"
        mkdir -p "$folder"
        "$fill" "$folder" "$list" >&2 && touch "$folder/complete"
    ) 9>"$cache/$name.lock" || return 1
    echo "$folder"
}

# Official Python clients and pytest: prints the python that has them.
clients_python() {
    local folder
    folder=$(environment clients tests/e2e/requirements.txt fill_clients) && echo "$folder/bin/python"
}
fill_clients() { # folder, requirements
    python3 -m venv "$1" &&
        timeout 600 "$1/bin/python" -m pip install -qq --disable-pip-version-check -r "$2"
}

# Official JavaScript clients: prints the node_modules folder.
clients_node() {
    local folder
    command -v npm >/dev/null || return 1
    folder=$(environment node tests/e2e/package.json fill_node) && echo "$folder/node_modules"
}
fill_node() { # folder, package.json
    cp "$2" "$1" && timeout 600 npm install --prefix "$1" --no-audit --no-fund --loglevel=error
}

# Clients at their defaults, tests/clients. A name of its requirements: prints the python that has them. Returns 3
# where they need a later python than there is.
clients_of_python() { # name
    local list=tests/clients/requirements/$1.txt folder
    client_interpreter "$list" >/dev/null || return 3
    folder=$(environment "client-$1" "$list" fill_client) && echo "$folder/bin/python"
}
client_interpreter() { # requirements, whose first line may be "# python>=3.12"
    local least python
    least=$(sed -n '1s/^# python>=3\.//p' "$1")
    for python in python3 python3.14 python3.13 python3.12; do
        "$python" -c "import sys; sys.exit(sys.version_info < (3, ${least:-0}))" 2>/dev/null || continue
        echo "$python"
        return
    done
    return 1
}
fill_client() { # folder, requirements
    "$(client_interpreter "$2")" -m venv "$1" &&
        timeout 900 "$1/bin/python" -m pip install -qq --disable-pip-version-check -r "$2"
}
clients_of_node() {
    local folder
    command -v npm >/dev/null || return 1
    folder=$(environment client-node tests/clients/node/package.json fill_node) && echo "$folder/node_modules"
}

# PyTorch and what the trainer uses: prints a python. Takes a PyTorch that python3 has already; else
# installs a CPU build where the package index offers one, and never several GB of CUDA libraries.
trainer_python() {
    local folder
    folder=$(environment trainer tests/train/requirements.txt fill_trainer) && echo "$folder/bin/python"
}
fill_trainer() { # folder, requirements
    local pip=("$1/bin/python" -m pip --disable-pip-version-check) plan
    if python3 -c 'import torch' 2>/dev/null; then
        python3 -m venv --system-site-packages "$1" || return 1
    else
        python3 -m venv "$1" || return 1
        plan=$(timeout 200 "${pip[@]}" install -qq --dry-run --report - -r "$2") || return 1
        if grep -q '"name": "\(nvidia\|cuda\)-' <<<"$plan"; then
            printf '%s\n' "The package index offers PyTorch only with several GB of CUDA libraries." \
                "Set PIP_EXTRA_INDEX_URL to PyTorch's own index of CPU builds (its site names it: Get Started, pip," \
                "CPU), or install a PyTorch for python3 yourself; then run ./check train again." >&2
            return 1
        fi
    fi
    timeout 900 "${pip[@]}" install -qq -r "$2"
}
