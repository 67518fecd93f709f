#!/usr/bin/env bash
# check_spirv.sh [BUILD]: every SPIR-V module of the build (default: build) is valid, computes with
# floats exactly as src/ref does, and, for kernels without a need, wants no optional feature.
#
# Exact means: whatever makes a float is either a copy, a conversion from an integer, a minimum or
# rounding that has one right answer, or an add, subtract or multiply that carries NoContraction.
# Division, square root, exp, half floats and unordered subgroup sums are not on that list; fma is
# where it multiplies whole numbers and adds to a sum of such products: nothing is rounded then.
set -euo pipefail
cd "$(dirname "$0")/../.."
build=${1:-build}
# The lab has newer tools of its own.
[ -n "${GPULAB_DEVICE:-}" ] || [ ! -x build/sdk/bin/spirv-val ] || PATH=$PWD/build/sdk/bin:$PATH
for program in spirv-val spirv-dis; do
    command -v $program >/dev/null || { echo "$program is not installed (spirv-tools)"; exit 77; }
done
[ -s "$build/gen/spirv_files.txt" ] || { echo "no modules in $build: build first"; exit 1; }

# The kernels that every device must be able to run
baseline=" $(sed -nE 's/^KERNEL\( *([a-z0-9_]+) *, *[A-Z_]+ *, *0 *[,)].*/\1/p' src/kernels/kernels.def |
    tr '\n' ' ') "
inexact=$(sed -nE 's/^KERNEL\( *([a-z0-9_]+) *, *[A-Z_]+ *, *NEED_HALF *[,)].*/\1/p' src/kernels/kernels.def)
bad=0 count=0 arithmetic=0 fast=0
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
while read -r file; do
    [ -n "$file" ] || continue
    name=$(basename "$file" .inc)
    [ -s "$file" ] || { echo "$name: not built"; bad=1; continue; }
    # What glslc -mfmt=c wrote, as the bytes a driver gets
    perl -ne 'print pack("V*", map { hex } /0x[0-9a-fA-F]+/g)' "$file" >"$work/spv"
    spirv-val --target-env vulkan1.2 "$work/spv" || { echo "$name: not valid"; bad=1; continue; }
    spirv-dis --raw-id --no-color "$work/spv" >"$work/dis"
    is_baseline=0 is_fast=0
    # A variant is called <kernel>_<quant>
    for kernel in $baseline; do
        if [ "$name" = "$kernel" ] || { [[ $name == "${kernel}"_* ]] &&
            grep -qE "^QUANT\( *${name#"${kernel}"_} *," src/quant/quants.def; }; then
            is_baseline=1
        fi
    done
    # Only for those who asked for numerics that are not exact
    for kernel in $inexact; do
        [[ $name == "${kernel}"_* ]] && is_fast=1
    done
    [ $is_fast = 0 ] || { fast=$((fast + 1)); continue; }
    result=$(awk -v baseline=$is_baseline -v name="$name" '
        function bad(text) {print "  " text; failed = 1}
        BEGIN {
            split("OpLoad OpBitcast OpConvertSToF OpConvertUToF OpFNegate OpSelect OpPhi OpUndef " \
                "OpCopyObject OpCompositeExtract OpCompositeConstruct OpCompositeInsert " \
                "OpVectorShuffle OpVectorExtractDynamic OpVectorInsertDynamic OpConstant " \
                "OpConstantComposite OpConstantNull OpSpecConstant OpSpecConstantComposite " \
                "OpFunctionParameter OpFunctionCall OpFunction OpGroupNonUniformShuffle " \
                "OpGroupNonUniformShuffleXor OpGroupNonUniformShuffleUp OpGroupNonUniformShuffleDown " \
                "OpGroupNonUniformBroadcast OpGroupNonUniformBroadcastFirst " \
                "OpGroupNonUniformQuadBroadcast OpGroupNonUniformQuadSwap " \
                "OpCooperativeMatrixLoadKHR", list, " ")
            for (i in list) copies[list[i]] = 1
            split("OpFAdd OpFSub OpFMul OpVectorTimesScalar", list2, " ")
            for (i in list2) arithmetic[list2[i]] = 1
            split("FAbs FSign Floor Ceil Trunc RoundEven FMin FMax FClamp NMin NMax NClamp", list3, " ")
            for (i in list3) exact[list3[i]] = 1
        }
        $1 == "OpDecorate" && $3 == "NoContraction" {fixed[$2] = 1}
        $1 == "OpCapability" && baseline && $2 != "Shader" {bad("a baseline kernel needs " $2)}
        $1 == "OpAtomicFAddEXT" || $3 == "OpAtomicFAddEXT" {bad($0)}
        $3 == "OpTypeFloat" {floats[$1] = 1; if ($4 != 32) bad("float of " $4 " bits")}
        $3 ~ /^OpType(Vector|Matrix)$/ && ($4 in floats) {floats[$1] = 1}
        # Element by element only: products of such matrices are not on the lists.
        $3 ~ /^OpTypeCooperativeMatrix/ && ($4 in floats) {floats[$1] = 1}
        $3 == "OpConstant" && $5 == "0" {whole[$1] = 1}
        function root_of(id) {return id in root ? root[id] : id}
        $3 == "OpVariable" && $5 == "Function" {own[$1] = 1}
        $3 ~ /^Op(InBounds)?AccessChain$/ {root[$1] = root_of($5)}
        # A sum in an array of the invocation is one of all that is stored there.
        $3 == "OpLoad" && ($4 in floats) && (root_of($5) in own) {sums[$1] = "stored" root_of($5)}
        $1 == "OpStore" && (root_of($2) in own) {sums["stored" root_of($2)] = sums["stored" root_of($2)] " " $3}
        $3 == "OpConvertSToF" {whole[$1] = 1}
        $3 == "OpPhi" && ($4 in floats) {for (i = 5; i <= NF; i += 2) sums[$1] = sums[$1] " " $i}
        $3 == "OpExtInst" && $6 == "Fma" {sums[$1] = $7 " " $8 " " $9; line[$1] = $0}
        $2 == "=" && ($4 in floats) && $3 !~ /^OpType/ {
            if ($3 in arithmetic) {
                n++
                if (!($1 in fixed)) bad("may be contracted: " $0)
            } else if ($3 == "OpExtInst") {
                # Exact but for denormals, which a driver may flush; the self-test has them, and what
                # is not a baseline kernel has one to fall back on. Attention reads halves from the
                # KV cache only, where none are (float_to_cache).
                halves = $6 == "UnpackHalf2x16" && (!baseline || (name == "attention" || name == "attn_tile"))
                if (!($6 in exact) && $6 != "Fma" && !halves) bad("not exact: " $0)
            } else if (!($3 in copies)) bad("not exact: " $0)
        }
        END {
            # Sums are whole numbers as long as nothing that they are made of is not.
            for (id in sums) whole[id] = 1
            for (changed = 1; changed;) {
                changed = 0
                for (id in sums) {
                    count = split(sums[id], made, " ")
                    for (i = 1; i <= count && (id in whole); i++)
                        if (!(made[i] in whole)) {delete whole[id]; changed = 1}
                }
            }
            for (id in line) if (!(id in whole)) bad("not exact: " line[id])
            print n + 0
            exit failed
        }' "$work/dis") || { echo "$name:"; head -n -1 <<<"$result"; bad=1; }
    count=$((count + 1)) arithmetic=$((arithmetic + $(tail -n 1 <<<"$result")))
done <"$build/gen/spirv_files.txt"
echo "$count modules, $arithmetic float operations; $fast modules of inexact kernels"
exit $bad
