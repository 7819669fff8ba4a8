#!/usr/bin/env bash
# The page of settings is as the daemon makes it:  check_options.sh ROOT FOLDSCRIBED
set -euo pipefail
diff "$1/deploy/OPTIONS.md" <("$2" --options) || {
    echo "run: foldscribed --options > deploy/OPTIONS.md"
    exit 1
}
