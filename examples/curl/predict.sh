#!/usr/bin/env bash
# Ask a running `graft serve` with curl: examples/curl/predict.sh cell.png ...
# SERVER (http://127.0.0.1:8000 without) and GRAFT_TOKEN are read from the environment.
set -euo pipefail
server=${SERVER:-http://127.0.0.1:8000}
token=()
[ -z "${GRAFT_TOKEN:-}" ] || token=(--header "Authorization: Bearer $GRAFT_TOKEN")

if [ $# -eq 1 ]; then # one picture, as it is: any image/* will do, the server looks at the bytes
  curl --silent --show-error --fail-with-body "${token[@]}" \
    --header 'Content-Type: image/*' --data-binary "@$1" "$server/predict"
else # several, as a form
  files=()
  for picture in "$@"; do files+=(--form "pictures=@$picture"); done
  curl --silent --show-error --fail-with-body "${token[@]}" "${files[@]}" "$server/predict"
fi
echo
