/*
 * Writes a buffer twice without a barrier. Run under the validation layers this must be reported as
 * a hazard: tools/test checks so that their silence elsewhere means something.
 */
#include <stdio.h>
#include <stdlib.h>

#include <volk.h>

static void check(VkResult result, const char *what)
{
    if (result != VK_SUCCESS) {
        printf("canary: %s: %d\n", what, (int)result);
        exit(1);
    }
}
#define VK(call) check(call, #call)

int main(void)
{
    if (volkInitialize() != VK_SUCCESS)
        return 77;
    VkInstance instance;
    VkApplicationInfo app = {
        .sType = VK_STRUCTURE_TYPE_APPLICATION_INFO, .apiVersion = VK_API_VERSION_1_2};
    VkInstanceCreateInfo instance_info = {
        .sType = VK_STRUCTURE_TYPE_INSTANCE_CREATE_INFO, .pApplicationInfo = &app};
    VK(vkCreateInstance(&instance_info, NULL, &instance));
    volkLoadInstance(instance);

    VkPhysicalDevice physical;
    uint32_t n = 1;
    VkResult found = vkEnumeratePhysicalDevices(instance, &n, &physical);
    if ((found != VK_SUCCESS && found != VK_INCOMPLETE) || n == 0)
        return 77;
    VkDeviceQueueCreateInfo queue_info = {.sType = VK_STRUCTURE_TYPE_DEVICE_QUEUE_CREATE_INFO,
        .queueCount = 1,
        .pQueuePriorities = (float[]){1}};
    VkDeviceCreateInfo device_info = {.sType = VK_STRUCTURE_TYPE_DEVICE_CREATE_INFO,
        .queueCreateInfoCount = 1,
        .pQueueCreateInfos = &queue_info};
    VkDevice device;
    VK(vkCreateDevice(physical, &device_info, NULL, &device));
    volkLoadDevice(device);

    VkBufferCreateInfo buffer_info = {.sType = VK_STRUCTURE_TYPE_BUFFER_CREATE_INFO,
        .size = 256,
        .usage = VK_BUFFER_USAGE_TRANSFER_DST_BIT};
    VkBuffer buffer;
    VK(vkCreateBuffer(device, &buffer_info, NULL, &buffer));
    VkMemoryRequirements needs;
    vkGetBufferMemoryRequirements(device, buffer, &needs);
    VkMemoryAllocateInfo memory_info = {
        .sType = VK_STRUCTURE_TYPE_MEMORY_ALLOCATE_INFO, .allocationSize = needs.size};
    while (!(needs.memoryTypeBits >> memory_info.memoryTypeIndex & 1))
        memory_info.memoryTypeIndex++;
    VkDeviceMemory memory;
    VK(vkAllocateMemory(device, &memory_info, NULL, &memory));
    VK(vkBindBufferMemory(device, buffer, memory, 0));

    VkCommandPoolCreateInfo pool_info = {.sType = VK_STRUCTURE_TYPE_COMMAND_POOL_CREATE_INFO};
    VkCommandPool pool;
    VK(vkCreateCommandPool(device, &pool_info, NULL, &pool));
    VkCommandBufferAllocateInfo command_info = {
        .sType = VK_STRUCTURE_TYPE_COMMAND_BUFFER_ALLOCATE_INFO,
        .commandPool = pool,
        .commandBufferCount = 1};
    VkCommandBuffer command;
    VK(vkAllocateCommandBuffers(device, &command_info, &command));
    VkCommandBufferBeginInfo begin = {.sType = VK_STRUCTURE_TYPE_COMMAND_BUFFER_BEGIN_INFO};
    VK(vkBeginCommandBuffer(command, &begin));
    vkCmdFillBuffer(command, buffer, 0, 256, 1);
    vkCmdFillBuffer(command, buffer, 0, 256, 2); /* the deliberate mistake */
    VK(vkEndCommandBuffer(command));

    vkDestroyCommandPool(device, pool, NULL);
    vkDestroyBuffer(device, buffer, NULL);
    vkFreeMemory(device, memory, NULL);
    vkDestroyDevice(device, NULL);
    vkDestroyInstance(instance, NULL);
    return 0;
}
