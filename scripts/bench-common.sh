# What the measurements have in common. Sourced: gives $work, a folder that goes at the end with every process in ${pids[@]}.
# shellcheck shell=bash disable=SC2034

for tool in wrk jq curl; do
  command -v "$tool" >/dev/null || { echo "${0##*/} needs $tool: apt-get install $tool" >&2; exit 1; }
done
work=$(mktemp -d)
declare -A pids
trap 'kill "${pids[@]}" 2>/dev/null; wait; rm -rf "$work"' EXIT

# What one order is, for curl.
order='{"customerName":"Ada","currency":"EUR","lines":[{"sku":"TEA-1","quantity":2,"unitPrice":1250}]}'

# PORT PATH: waits for the first 200. Bash's own sockets, since to start curl takes longer than to start what is measured.
first_answer() {
  local answer=
  until [[ $answer == *' 200 '* ]]; do
    { exec 3<>"/dev/tcp/127.0.0.1/$1" && printf 'GET %s HTTP/1.0\r\n\r\n' "$2" >&3 && read -r answer <&3; } 2>/dev/null || true
    exec 3<&- || true
  done
}

median() { sort -g | awk '{ v[NR] = $1 } END { print NR % 2 ? v[(NR + 1) / 2] : (v[NR / 2] + v[NR / 2 + 1]) / 2 }'; }

# SHARE: of sorted numbers, the one that so many per cent do not exceed.
percentile() { sort -g | awk -v share="$1" '{ v[NR] = $1 } END { at = int((NR * share + 99) / 100); print v[at < 1 ? 1 : at] }'; }
