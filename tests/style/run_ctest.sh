#!/usr/bin/env bash
# run_ctest.sh BUILD [ctest arguments]: ctest, and after it what the skipped tests said.
set -euo pipefail
build=$1
shift
status=0
output=$(mktemp)
trap 'rm -f "$output"' EXIT
# Side by side: compilers of drivers, which take most of the time, use one core each.
ctest --test-dir "$build" -j "$(nproc)" --output-on-failure --no-tests=error --timeout 1800 "$@" 2>&1 |
    tee "$output" || status=${PIPESTATUS[0]}
for test in $(sed -nE 's/^\t *[0-9]+ - ([^ ]+) \(Skipped\)$/\1/p' "$output"); do
    echo "$test was skipped:"
    awk -v test="$test" '/^[0-9]+\/[0-9]+ Test: / {mine = $3 == test} /^<end of output>/ {on = mine = 0}
        mine && on {print "    " $0} /^-----/ {on = mine}' \
        "$build/Testing/Temporary/LastTest.log"
done
exit $status
