/* The built-in model's logits and tokens are the same under every mask of capabilities. */
#include "../masks.h"
#include "model_test.h"

enum { N_PROMPT = 20 };

static struct gpu_caps caps_with(const char *mask)
{
    struct gpu_device *dev;
    struct hekla_error err = {0};
    if (gpu_device_open(&dev, getenv("HEKLA_TEST_DEVICE"), mask, &err))
        fail_msg("%s", err.text);
    struct gpu_caps caps = *gpu_device_caps(dev);
    gpu_device_close(dev);
    return caps;
}

static void masks_change_nothing(void **state)
{
    struct test_mask masks[TEST_MAX_MASKS];
    struct gpu_caps caps = caps_with(NULL);
    (void)state;
    uint64_t whole = hash_model(NULL, NULL, 64, N_PROMPT, N_PROMPT);
    uint32_t n = test_masks(&caps, masks);
    for (uint32_t i = 0; i < n; i++) {
        struct gpu_caps masked = caps_with(masks[i].text);
        if (!mask_changes(&caps, &masked)) {
            printf(
                "skipped: %s (%s) changes nothing on this device\n", masks[i].name, masks[i].text);
            continue;
        }
        uint64_t hash = hash_model(NULL, masks[i].text, 64, N_PROMPT, N_PROMPT);
        if (hash != whole)
            fail_msg("%s (%s): hash %016" PRIx64 ", expected %016" PRIx64, masks[i].name,
                masks[i].text, hash, whole);
        printf("%s (%s): the same bits\n", masks[i].name, masks[i].text);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(masks_change_nothing)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
