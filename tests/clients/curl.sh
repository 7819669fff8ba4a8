#!/usr/bin/env bash
# curl, as both vendors' pages show it, with this server in place of theirs:  curl.sh http://HOST:PORT RECORDING
set -euo pipefail
url=$1 recording=$2
version=$(curl --version | awk 'NR == 1 { print $2 }')
tell() { # what it is, filter of the answer; the answer on standard input
    python3 -c 'import json, sys
client, version, path = sys.argv[1:]
text = sys.stdin.read()
for key in path.split("/") if path else []:
    text = (json.loads(text) if isinstance(text, str) else text)[int(key) if key.isdigit() else key]
print(json.dumps({"client": client, "version": version, "text": text}))' "$1" "$version" "$2"
}
curl -s --request POST --url "$url/v1/audio/transcriptions" --header "Authorization: Bearer any" \
    --header 'Content-Type: multipart/form-data' --form file=@"$recording" --form model=gpt-4o-transcribe |
    tell "curl, OpenAI's transcriptions" text
curl -s "$url/v1/audio/transcriptions" -H "Authorization: Bearer any" -H "Content-Type: multipart/form-data" \
    -F file=@"$recording" -F "timestamp_granularities[]=word" -F model="whisper-1" -F response_format="text" |
    tell "curl, OpenAI's plain text" ""
curl -s --request POST --url "$url/v1/audio/translations" --header "Authorization: Bearer any" \
    --header 'Content-Type: multipart/form-data' --form file=@"$recording" --form model=whisper-1 |
    tell "curl, OpenAI's translations" text
curl -s --request POST --header 'Authorization: Token any' --header 'Content-Type: audio/wav' \
    --data-binary @"$recording" --url "$url/v1/listen?model=nova-3&smart_format=true" |
    tell "curl, Deepgram's recording" results/channels/0/alternatives/0/transcript
