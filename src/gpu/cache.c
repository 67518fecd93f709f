/*
 * What the driver compiled, for the next start: the data of a VkPipelineCache in a file of our own,
 * as not every driver keeps one. A driver may trust such data blindly, so a file is used only if
 * its sum is right and build, device and driver are those that wrote it.
 */
#include "gpu/internal.h"

#include "base/hash.h"
#include "base/mapfile.h"
#include "base/outfile.h"

#include <stdlib.h>
#include <string.h>

#define MAGIC "hekla pipelines\n"
enum { LARGEST = 256 << 20 };

struct file_header {
    char magic[16];
    uint64_t build, n, sum; /* of the n bytes that follow */
};

/* What Vulkan lays down for the beginning of the data. */
struct driver_header {
    uint32_t size, version, vendor, device;
    uint8_t uuid[VK_UUID_SIZE];
};

static bool is_valid(const struct gpu_device *dev, const struct mapfile *file)
{
    const VkPhysicalDeviceProperties *p = &dev->properties;
    struct file_header header;
    struct driver_header driver;
    if (file->size < sizeof(header) + sizeof(driver) || file->size > LARGEST)
        return false;
    memcpy(&header, file->data, sizeof(header));
    memcpy(&driver, file->data + sizeof(header), sizeof(driver));
    return memcmp(header.magic, MAGIC, sizeof(header.magic)) == 0 &&
           header.build == dev->cache_build && header.n == file->size - sizeof(header) &&
           header.sum == hash_bytes(file->data + sizeof(header), header.n) &&
           driver.version == VK_PIPELINE_CACHE_HEADER_VERSION_ONE && driver.vendor == p->vendorID &&
           driver.device == p->deviceID &&
           memcmp(driver.uuid, p->pipelineCacheUUID, VK_UUID_SIZE) == 0;
}

void gpu_pipelines_remember(struct gpu_device *dev, const char *path, uint64_t build)
{
    struct mapfile file;
    struct hekla_error err = {0};
    VkPipelineCacheCreateInfo info = {.sType = VK_STRUCTURE_TYPE_PIPELINE_CACHE_CREATE_INFO};
    if (dev->is_ref || dev->cache_path || !(dev->cache_path = malloc(strlen(path) + 1)))
        return;
    strcpy(dev->cache_path, path);
    dev->cache_build = build;
    bool opened = mapfile_open(&file, path, &err) == HEKLA_OK;
    if (opened && is_valid(dev, &file)) {
        info.initialDataSize = file.size - sizeof(struct file_header);
        info.pInitialData = file.data + sizeof(struct file_header);
    }
    /* Without a cache everything works, and is compiled each time. */
    if (dev->vk.vkCreatePipelineCache(dev->handle, &info, NULL, &dev->cache) != VK_SUCCESS)
        dev->cache = VK_NULL_HANDLE;
    dev->cache_bytes = info.initialDataSize;
    if (opened)
        mapfile_close(&file);
}

static void write_file(const struct gpu_device *dev, const void *data, size_t n)
{
    struct file_header header = {
        .magic = MAGIC, .build = dev->cache_build, .n = n, .sum = hash_bytes(data, n)};
    struct outfile file;
    struct hekla_error err = {0};
    hekla_status status = outfile_open(&file, dev->cache_path, &err);
    if (status != HEKLA_OK)
        return;
    status = outfile_write(&file, 0, &header, sizeof(header), &err);
    if (status == HEKLA_OK)
        status = outfile_write(&file, sizeof(header), data, n, &err);
    if (status == HEKLA_OK)
        outfile_commit(&file, &err);
    else
        outfile_abandon(&file);
}

/* Writes what has grown; a folder that cannot be written to is no failure. */
static void keep(const struct gpu_device *dev)
{
    size_t n = 0;
    if (dev->vk.vkGetPipelineCacheData(dev->handle, dev->cache, &n, NULL) != VK_SUCCESS ||
        n <= sizeof(struct driver_header) || n <= dev->cache_bytes ||
        n > LARGEST - sizeof(struct file_header))
        return;
    void *data = malloc(n);
    if (data && dev->vk.vkGetPipelineCacheData(dev->handle, dev->cache, &n, data) == VK_SUCCESS)
        write_file(dev, data, n);
    free(data);
}

void gpu_cache_close(struct gpu_device *dev)
{
    if (dev->cache && dev->handle) {
        if (!dev->lost)
            keep(dev);
        dev->vk.vkDestroyPipelineCache(dev->handle, dev->cache, NULL);
    }
    free(dev->cache_path);
    dev->cache = VK_NULL_HANDLE;
    dev->cache_path = NULL;
}
