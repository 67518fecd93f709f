/* Which devices there are, and which one is meant. */
#include "gpu/internal.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

uint32_t gpu_physical_devices(VkInstance instance, VkPhysicalDevice out[GPU_MAX_DEVICES])
{
    uint32_t n = GPU_MAX_DEVICES;
    VkResult result = vkEnumeratePhysicalDevices(instance, &n, out);
    return result == VK_SUCCESS || result == VK_INCOMPLETE ? n : 0;
}

/* The fastest kind first; of one kind, the one with most memory. */
static int find_best(const struct hekla_device_info *list, uint32_t n)
{
    static const int rank[] = {[HEKLA_GPU_DISCRETE] = 3,
        [HEKLA_GPU_INTEGRATED] = 2,
        [HEKLA_GPU_OTHER] = 1,
        [HEKLA_CPU] = 0};
    int best = -1;
    for (uint32_t i = 0; i < n; i++) {
        if (!list[i].usable)
            continue;
        if (best < 0 || rank[list[i].type] > rank[list[best].type] ||
            (rank[list[i].type] == rank[list[best].type] &&
                list[i].memory_bytes > list[best].memory_bytes))
            best = (int)i;
    }
    return best;
}

static int find_named(const struct hekla_device_info *list, uint32_t n, const char *which)
{
    for (uint32_t i = 0; i < n; i++)
        if (strcmp(list[i].id, which) == 0 || (*which && strcasecmp(list[i].uuid, which) == 0) ||
            (*which && strcasecmp(list[i].pci, which) == 0))
            return (int)i;
    if (!*which || strspn(which, "0123456789") == strlen(which))
        return -1;
    for (uint32_t i = 0; i < n; i++)
        for (const char *p = list[i].name; *p; p++)
            if (strncasecmp(p, which, strlen(which)) == 0)
                return (int)i;
    return -1;
}

/* A render node that this user may not open: the driver then sees no GPU, and says nothing. */
static bool find_closed_node(char *out, size_t size)
{
    for (int i = 128; i < 136; i++) {
        snprintf(out, size, "/dev/dri/renderD%d", i);
        if (access(out, F_OK) == 0 && access(out, R_OK | W_OK) != 0)
            return true;
    }
    return false;
}

hekla_status gpu_choose(
    VkInstance instance, const char *which, VkPhysicalDevice *out, struct hekla_error *err)
{
    VkPhysicalDevice devices[GPU_MAX_DEVICES];
    struct hekla_device_info list[GPU_MAX_DEVICES];
    uint32_t n = gpu_physical_devices(instance, devices);
    for (uint32_t i = 0; i < n; i++)
        gpu_describe(instance, devices[i], i, &list[i]);
    int found = which ? find_named(list, n, which) : find_best(list, n);
    if (found < 0 && which) {
        char names[300] = "";
        for (uint32_t i = 0; i < n; i++) {
            size_t used = strlen(names);
            snprintf(names + used, sizeof(names) - used, "%s%.7s (%.60s)", i ? ", " : "",
                list[i].id, list[i].name);
        }
        return hekla_fail(err, HEKLA_NO_DEVICE, "there is no device \"%.60s\": there are %s%sref",
            which, names, n ? " and " : "");
    }
    if (found < 0 && n)
        return hekla_fail(
            err, HEKLA_NO_DEVICE, "no usable device: %s: %s", list[0].name, list[0].why);
    char node[32];
    if (found < 0 && find_closed_node(node, sizeof(node)))
        return hekla_fail(err, HEKLA_NO_DEVICE,
            "Vulkan shows no device: you may not open %s (join the group \"render\" and log in "
            "again), or use the slow CPU reference with --device ref",
            node);
    if (found < 0)
        return hekla_fail(err, HEKLA_NO_DEVICE,
            "Vulkan is installed but shows no device: install your GPU's driver (Debian and "
            "Ubuntu: "
            "mesa-vulkan-drivers), or use the slow CPU reference with --device ref");
    if (!list[found].usable)
        return hekla_fail(err, HEKLA_NO_DEVICE, "device %s (%s) cannot be used: %s", list[found].id,
            list[found].name, list[found].why);
    *out = devices[found];
    return HEKLA_OK;
}

static void explain_choice(struct hekla_device_info *list, uint32_t n, int best)
{
    for (uint32_t i = 0; i < n; i++) {
        struct hekla_device_info *d = &list[i];
        if (!d->usable)
            continue;
        d->chosen = (int)i == best;
        const char *why = n == 1 && d->type == HEKLA_CPU ? "chosen: no GPU was found"
                          : n == 1                       ? "chosen: the only device"
                          : d->chosen            ? "chosen: the fastest kind of device, most memory"
                          : d->type == HEKLA_CPU ? "not chosen: a CPU, and there is a GPU"
                          : d->type == list[best].type ? "not chosen: another has more memory"
                                                       : "not chosen: another is faster";
        char node[32];
        bool closed = d->type == HEKLA_CPU && d->chosen && find_closed_node(node, sizeof(node));
        snprintf(d->why, sizeof(d->why), "%s", why);
        if (closed)
            snprintf(d->why, sizeof(d->why),
                "chosen: no GPU may be used: you may not open %s (join the group \"render\")",
                node);
    }
}

void gpu_describe_reference(struct hekla_device_info *out)
{
    memset(out, 0, sizeof(*out));
    snprintf(out->id, sizeof(out->id), "ref");
    snprintf(out->name, sizeof(out->name), "CPU reference (plain C, slow)");
    snprintf(out->driver, sizeof(out->driver), "none");
    out->type = HEKLA_CPU;
    out->memory_bytes = out->memory_free_bytes = gpu_host_memory_available();
    snprintf(out->why, sizeof(out->why), "not chosen: used only when named");
    out->usable = out->host_visible = true;
}

hekla_status gpu_list(
    struct hekla_device_info *out, size_t cap, size_t *count, struct hekla_error *err)
{
    VkPhysicalDevice devices[GPU_MAX_DEVICES];
    struct hekla_device_info list[GPU_MAX_DEVICES + 1];
    VkInstance instance;
    uint32_t n = 0;
    if (gpu_instance_create(&instance, err) == HEKLA_OK) {
        n = gpu_physical_devices(instance, devices);
        for (uint32_t i = 0; i < n; i++)
            gpu_describe(instance, devices[i], i, &list[i]);
        int best = find_best(list, n);
        explain_choice(list, n, best);
        VkPhysicalDevice unused;
        if (best < 0)
            gpu_choose(instance, NULL, &unused, err);
        vkDestroyInstance(instance, NULL);
    }
    gpu_describe_reference(&list[n++]);
    for (uint32_t i = 0; i < n && i < cap; i++)
        out[i] = list[i];
    *count = n;
    return HEKLA_OK;
}
