/*
 * The part of LibTorch's stable C ABI that Sluice binds, declared in plain C.
 *
 * LibTorch's own headers (torch/csrc/stable/c/shim.h, torch/csrc/inductor/aoti_torch/c/shim.h and
 * generated/c_shim_{cpu,cuda}.h) need a C++ compiler; jextract reads C. The functions below have
 * the names, parameters and results that those headers give them. `make bindings` turns this file
 * into io.sluice.bindings.torch; a test holds both against each other and against the library.
 *
 * A line "since M.m, LIBRARY" opens a group: the functions that follow are exported by LIBRARY
 * (cpu or cuda) of LibTorch from version M.m on. "optional" marks those that are used where
 * present.
 */
#ifndef SLUICE_LIBTORCH_H
#define SLUICE_LIBTORCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* 0 is success; anything else is a failure whose message the library keeps per thread. */
typedef int32_t AOTITorchError;
typedef struct AtenTensorOpaque *AtenTensorHandle;
typedef struct StringOpaque *StringHandle;
typedef struct StableListOpaque *StableListHandle;
typedef uint64_t StableIValue;

/* ---- since 2.10, cpu: version, errors, threads ---- */
uint64_t aoti_torch_abi_version(void);
void aoti_torch_grad_mode_set_enabled(bool enabled);

/* ---- since 2.10, cpu: tensors and their description ---- */
AOTITorchError aoti_torch_delete_tensor_object(AtenTensorHandle tensor);
AOTITorchError aoti_torch_new_tensor_handle(AtenTensorHandle orig_handle, AtenTensorHandle *new_handle);
AOTITorchError aoti_torch_get_data_ptr(AtenTensorHandle tensor, void **ret_data_ptr);
AOTITorchError aoti_torch_get_dim(AtenTensorHandle tensor, int64_t *ret_dim);
AOTITorchError aoti_torch_get_sizes(AtenTensorHandle tensor, int64_t **ret_sizes);
AOTITorchError aoti_torch_get_strides(AtenTensorHandle tensor, int64_t **ret_strides);
AOTITorchError aoti_torch_get_dtype(AtenTensorHandle tensor, int32_t *ret_dtype);
AOTITorchError aoti_torch_get_device_type(AtenTensorHandle tensor, int32_t *ret_device_type);
AOTITorchError aoti_torch_get_device_index(AtenTensorHandle tensor, int32_t *ret_device_index);
AOTITorchError aoti_torch_is_contiguous(AtenTensorHandle tensor, bool *ret_is_contiguous);

/* ---- since 2.10, cpu: making tensors ---- */
AOTITorchError aoti_torch_empty_strided(int64_t ndim, const int64_t *sizes_ptr, const int64_t *strides_ptr, int32_t dtype, int32_t device_type, int32_t device_index, AtenTensorHandle *ret_new_tensor);
AOTITorchError aoti_torch_empty_strided_pinned(int64_t ndim, const int64_t *sizes_ptr, const int64_t *strides_ptr, int32_t dtype, int32_t device_type, int32_t device_index, AtenTensorHandle *ret_new_tensor);
AOTITorchError aoti_torch_create_tensor_from_blob(void *data, int64_t ndim, const int64_t *sizes_ptr, const int64_t *strides_ptr, int64_t storage_offset, int32_t dtype, int32_t device_type, int32_t device_index, AtenTensorHandle *ret);
AOTITorchError aoti_torch_copy_(AtenTensorHandle self, AtenTensorHandle src, int32_t non_blocking);
AOTITorchError aoti_torch_zero_(AtenTensorHandle self);

/* ---- since 2.10, cpu: any operator, through the dispatcher ---- */
AOTITorchError torch_call_dispatcher(const char *opName, const char *overloadName, StableIValue *stack, uint64_t extension_build_version);
AOTITorchError torch_new_list_reserve_size(size_t size, StableListHandle *ret);
AOTITorchError torch_list_push_back(StableListHandle list_handle, StableIValue element);
AOTITorchError torch_delete_list(StableListHandle list_handle);
AOTITorchError torch_new_string_handle(const char *data, size_t length, StringHandle *handle);
AOTITorchError torch_delete_string(StringHandle handle);

/* ---- since 2.13, cpu, optional: messages, and slots for optional arguments ---- */
const char *torch_exception_get_what_without_backtrace(void);
AOTITorchError torch_new_stable_ivalue(StableIValue **ret_value);
AOTITorchError torch_delete_stable_ivalue(StableIValue *value);

/* ---- since 2.10, cpu, optional: at::set_num_threads and at::get_num_threads, which have no C name ---- */
void _ZN2at15set_num_threadsEi(int32_t nthreads);
int32_t _ZN2at15get_num_threadsEv(void);

/* ---- since 2.10, cpu: operators with a Scalar argument or a caller's output, which the dispatcher does not take ---- */
AOTITorchError aoti_torch_cpu_add_Tensor(AtenTensorHandle self, AtenTensorHandle other, double alpha, AtenTensorHandle *ret0);
AOTITorchError aoti_torch_cpu_add_Scalar(AtenTensorHandle self, double other, double alpha, AtenTensorHandle *ret0);
AOTITorchError aoti_torch_cpu_mul_Scalar(AtenTensorHandle self, double other, AtenTensorHandle *ret0);
AOTITorchError aoti_torch_cpu_mul_Tensor(AtenTensorHandle self, AtenTensorHandle other, AtenTensorHandle *ret0);
AOTITorchError aoti_torch_cpu_pow_Tensor_Scalar(AtenTensorHandle self, double exponent, AtenTensorHandle *ret0);
AOTITorchError aoti_torch_cpu_fill__Scalar(AtenTensorHandle self, double value);
AOTITorchError aoti_torch_cpu_mm_out(AtenTensorHandle out, AtenTensorHandle self, AtenTensorHandle mat2);
AOTITorchError aoti_torch_cpu_bmm_out(AtenTensorHandle out, AtenTensorHandle self, AtenTensorHandle mat2);
AOTITorchError aoti_torch_cpu_addmm_out(AtenTensorHandle out, AtenTensorHandle self, AtenTensorHandle mat1, AtenTensorHandle mat2, double beta, double alpha);
AOTITorchError aoti_torch_cpu_baddbmm_out(AtenTensorHandle out, AtenTensorHandle self, AtenTensorHandle batch1, AtenTensorHandle batch2, double beta, double alpha);

/* ---- since 2.10, cuda: the same operators ---- */
AOTITorchError aoti_torch_cuda_add_Tensor(AtenTensorHandle self, AtenTensorHandle other, double alpha, AtenTensorHandle *ret0);
AOTITorchError aoti_torch_cuda_add_Scalar(AtenTensorHandle self, double other, double alpha, AtenTensorHandle *ret0);
AOTITorchError aoti_torch_cuda_mul_Scalar(AtenTensorHandle self, double other, AtenTensorHandle *ret0);
AOTITorchError aoti_torch_cuda_mul_Tensor(AtenTensorHandle self, AtenTensorHandle other, AtenTensorHandle *ret0);
AOTITorchError aoti_torch_cuda_pow_Tensor_Scalar(AtenTensorHandle self, double exponent, AtenTensorHandle *ret0);
AOTITorchError aoti_torch_cuda_fill__Scalar(AtenTensorHandle self, double value);
AOTITorchError aoti_torch_cuda_mm_out(AtenTensorHandle out, AtenTensorHandle self, AtenTensorHandle mat2);
AOTITorchError aoti_torch_cuda_bmm_out(AtenTensorHandle out, AtenTensorHandle self, AtenTensorHandle mat2);
AOTITorchError aoti_torch_cuda_addmm_out(AtenTensorHandle out, AtenTensorHandle self, AtenTensorHandle mat1, AtenTensorHandle mat2, double beta, double alpha);
AOTITorchError aoti_torch_cuda_baddbmm_out(AtenTensorHandle out, AtenTensorHandle self, AtenTensorHandle batch1, AtenTensorHandle batch2, double beta, double alpha);

/* ---- since 2.10, cuda: streams ---- */
AOTITorchError aoti_torch_get_current_cuda_stream(int32_t device_index, void **ret_stream);
AOTITorchError torch_cuda_stream_synchronize(void *stream, int32_t device_index);

#endif
