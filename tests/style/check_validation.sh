#!/usr/bin/env bash
# check_validation.sh BUILD [ctest arguments]: runs tests on the device of the environment under the
# Vulkan validation layers with synchronisation validation. Any message fails the test it appears in.
# A deliberate hazard comes first: layers that do not report it would prove nothing.
set -euo pipefail
cd "$(dirname "$0")/../.."
build=$1
shift
export VK_INSTANCE_LAYERS=VK_LAYER_KHRONOS_validation
export VK_LAYER_SETTINGS_PATH=$PWD/tests/style/vk_layer_settings.txt
ls /usr/share/vulkan/explicit_layer.d/*hronos_validation.json >/dev/null 2>&1 ||
    [ -n "${VULKAN_SDK:-}" ] || { echo "vulkan-validationlayers is not installed"; exit 77; }

canary() { "$build/layer_canary" 2>&1 | grep -q SYNC-HAZARD-WRITE-AFTER-WRITE; }
if ! canary; then
    # Layers before 2024 know the setting only by this name, newer ones warn about it.
    export VK_LAYER_ENABLES=VK_VALIDATION_FEATURE_ENABLE_SYNCHRONIZATION_VALIDATION_EXT
    if ! canary; then
        echo "the validation layers do not report a deliberate hazard:"
        "$build/layer_canary"
        exit 1
    fi
fi
exec tests/style/run_ctest.sh "$build" "$@"
