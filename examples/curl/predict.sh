#!/usr/bin/env bash
# Ask a running `graft serve` with curl: examples/curl/predict.sh cell.png ...
# SERVER (http://127.0.0.1:8000 without) and GRAFT_TOKEN are read from the environment.
set -euo pipefail
server=${SERVER:-http://127.0.0.1:8000}
options=(--silent --show-error --fail-with-body)
[ -z "${GRAFT_TOKEN:-}" ] || options+=(--header "Authorization: Bearer $GRAFT_TOKEN")

if [ $# -eq 1 ]; then # one picture, as it is: any image/* will do, the server looks at the bytes
  curl "${options[@]}" --header 'Content-Type: image/*' --data-binary "@$1" "$server/predict"
else # several, as a form
  for picture in "$@"; do
    name=${picture//\\/\\\\} # in quotes, for curl reads more out of a comma or a semicolon
    options+=(--form "pictures=@\"${name//\"/\\\"}\"")
  done
  curl "${options[@]}" "$server/predict"
fi
echo
