#!/usr/bin/env bash
# Fails when a file of src/<room> includes a room that layers.txt does not allow, when Vulkan shows
# outside src/gpu, or when the library prints, exits or reads the environment.
set -euo pipefail
cd "$(dirname "$0")/../.."
bad=0
fail() { echo "$*"; bad=1; }

declare -A allowed
while IFS=: read -r room rest; do
    [[ $room == \#* || -z $room ]] || allowed[$room]=" $room $rest "
done <tests/style/layers.txt

# The code of a file, line numbers kept, without comments and the text of strings.
code() {
    perl -0pe 's{("(?:\\.|[^"\\\n])*")|(/\*.*?\*/|//[^\n]*)}{
        defined $1 ? (length $1 > 2 && $1 !~ /\.h"$/ ? q("") : $1) : $2 =~ s/[^\n]//gr}gsex' "$1"
}

while read -r file; do
    room=${file#src/} room=${room%%/*}
    if [ -z "${allowed[$room]:-}" ]; then
        fail "$file: room '$room' is not in tests/style/layers.txt"
        continue
    fi
    while IFS=: read -r line include; do
        include=${include#../}
        case $include in
            hekla/hekla.h) continue ;;
            */*) target=${include%%/*} ;;
            args.h) target=args.h ;;
            spirv_table.inc) target=kernels ;;
            *) target=$room ;;
        esac
        [[ ${allowed[$room]} == *" $target "* ]] ||
            fail "$file:$line: room '$room' must not include '$include'"
    done < <(sed -nE '/^ *# *include *"/{=;s/.*"(.*)".*/\1/p}' "$file" | paste -d: - -)
    text=$(code "$file")
    if [ "$room" != gpu ]; then
        hits=$(grep -nE '\b(vk[A-Z][A-Za-z0-9]*|Vk[A-Z][A-Za-z0-9]*|VK_[A-Z])|[<"](volk\.h|vulkan/)' \
            <<<"$text") && fail "$file: Vulkan outside src/gpu"$'\n'"$hits"
    fi
    if [ "$room" != cli ]; then
        hits=$(grep -nE '\b(v?printf|puts|putchar|perror|exit|_exit|abort|getenv|secure_getenv) *\(|\bv?f(printf|puts) *\(.*\b(stderr|stdout)\b' \
            <<<"$text") && fail "$file: the library must not print, exit or read the environment"$'\n'"$hits"
    fi
done < <(find src -mindepth 2 -name '*.[ch]' | sort)
exit $bad
