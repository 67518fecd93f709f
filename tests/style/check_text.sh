#!/usr/bin/env bash
# Whitespace, invisible Unicode, and the subject of the last commit.
set -euo pipefail
cd "$(dirname "$0")/../.."
bad=0

files() {
    if git rev-parse --is-inside-work-tree >/dev/null 2>&1; then
        git ls-files -co --exclude-standard
    else
        find . -path './build*' -prune -o -type f -print | sed 's|^\./||'
    fi
}
# Text is what we write by hand; corpora and models are data. Tests hold odd characters as escapes.
mapfile -t text < <(files | grep -Ev '^tests/(fuzz/corpus|.*/(vectors|data))/|\.(gguf|bin|png|u16)$' |
    while read -r file; do [ ! -f "$file" ] || echo "$file"; done)

look() { # MESSAGE PATTERN: no line may match
    local hits
    if hits=$(LC_ALL=C.UTF-8 grep -nPI -- "$2" "${text[@]}"); then
        echo "$1:"
        echo "$hits"
        bad=1
    fi
}
look "trailing whitespace" '[ \t]+$'
look "tab (indent with spaces)" '\t'
look "carriage return" '\r'
look "invisible or direction-changing Unicode" \
    '[\x{00A0}\x{00AD}\x{034F}\x{061C}\x{115F}\x{1160}\x{17B4}\x{17B5}\x{180E}\x{2000}-\x{200F}\x{2028}-\x{202F}\x{205F}-\x{206F}\x{3000}\x{3164}\x{FE00}-\x{FE0F}\x{FEFF}\x{FFA0}\x{E0000}-\x{E0FFF}]'
look "control character" '[\x00-\x08\x0B\x0C\x0E-\x1F\x7F]'
for file in "${text[@]}"; do
    if [ -s "$file" ] && [ -n "$(tail -c 1 "$file")" ]; then
        echo "$file: no newline at its end"
        bad=1
    fi
done

if subject=$(git log -1 --no-merges --format=%s 2>/dev/null) && [ -n "$subject" ]; then
    if [ ${#subject} -gt 72 ] || [[ $subject == *. ]] || [[ $subject == [a-z]*:* && ${#subject} -lt 10 ]]; then
        echo "commit subject: at most 72 characters, no full stop: '$subject'"
        bad=1
    fi
fi
exit $bad
