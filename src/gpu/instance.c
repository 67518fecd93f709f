#include "gpu/internal.h"

#include <stdio.h>
#include <string.h>

static const char install_hint[] =
    "no Vulkan driver was found: install the one of your GPU (Debian and Ubuntu: "
    "mesa-vulkan-drivers and libvulkan1; NVIDIA: the vendor's driver), or use the slow CPU "
    "reference with --device ref";

static const char *result_name(VkResult result)
{
    switch (result) {
    case VK_ERROR_OUT_OF_HOST_MEMORY:
        return "out of host memory";
    case VK_ERROR_OUT_OF_DEVICE_MEMORY:
        return "out of device memory";
    case VK_ERROR_DEVICE_LOST:
        return "device lost";
    case VK_ERROR_INITIALIZATION_FAILED:
        return "initialization failed";
    case VK_ERROR_INCOMPATIBLE_DRIVER:
        return "incompatible driver";
    case VK_ERROR_FEATURE_NOT_PRESENT:
        return "feature not present";
    case VK_ERROR_EXTENSION_NOT_PRESENT:
        return "extension not present";
    default:
        return NULL;
    }
}

hekla_status gpu_fail(
    struct hekla_error *err, VkResult result, const char *call, const char *file, int line)
{
    bool memory = result == VK_ERROR_OUT_OF_HOST_MEMORY || result == VK_ERROR_OUT_OF_DEVICE_MEMORY;
    const char *name = result_name(result), *slash = strrchr(file, '/');
    char number[32];
    snprintf(number, sizeof(number), "VkResult %d", (int)result);
    return hekla_fail(err, memory ? HEKLA_MEMORY : HEKLA_DEVICE, "Vulkan: %s in %.*s (%s:%d)",
        name ? name : number, (int)strcspn(call, "("), call, slash ? slash + 1 : file, line);
}

hekla_status gpu_instance_create(VkInstance *out, struct hekla_error *err)
{
    /* One loader for the process: loading it twice from two threads must not race. */
    static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
    hekla_status status = HEKLA_OK;
    *out = VK_NULL_HANDLE;
    pthread_mutex_lock(&lock);
    if (volkInitialize() != VK_SUCCESS || volkGetInstanceVersion() < VK_API_VERSION_1_2) {
        status = hekla_fail(err, HEKLA_NO_DEVICE, "%s", install_hint);
    } else {
        VkResult result = vkCreateInstance(
            &(VkInstanceCreateInfo){
                .sType = VK_STRUCTURE_TYPE_INSTANCE_CREATE_INFO,
                .pApplicationInfo =
                    &(VkApplicationInfo){
                        .sType = VK_STRUCTURE_TYPE_APPLICATION_INFO,
                        .pApplicationName = "hekla",
                        .pEngineName = "hekla",
                        .apiVersion = VK_API_VERSION_1_2,
                    },
            },
            NULL, out);
        if (result != VK_SUCCESS)
            status = hekla_fail(err, HEKLA_NO_DEVICE, "%s", install_hint);
        else
            volkLoadInstanceOnly(*out);
    }
    pthread_mutex_unlock(&lock);
    return status;
}
