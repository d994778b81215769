/*
 * The part of NVIDIA's CUDA driver API that Sluice binds: enough to say which GPUs there are.
 * The driver installs libcuda.so.1; its C ABI is stable.
 */
#ifndef SLUICE_CUDA_DRIVER_H
#define SLUICE_CUDA_DRIVER_H

#include <stddef.h>
#include <stdint.h>

/* 0 is success. */
int32_t cuInit(uint32_t flags);
int32_t cuDriverGetVersion(int32_t *version);
int32_t cuDeviceGetCount(int32_t *count);
int32_t cuDeviceGet(int32_t *device, int32_t ordinal);
int32_t cuDeviceGetName(char *name, int32_t length, int32_t device);
int32_t cuDeviceGetAttribute(int32_t *value, int32_t attribute, int32_t device);
int32_t cuDeviceTotalMem_v2(size_t *bytes, int32_t device);

#endif
