package io.sluice.torch;

import static io.sluice.bindings.torch.LibTorchC.*;

import java.lang.foreign.MemorySegment;

/**
 * The few operators that are called by their own C function. The dispatcher takes no {@code Scalar}
 * arguments and needs half a microsecond to look up an operator by name. The C functions exist once
 * per kind of device; this class chooses by the device of the first argument.
 */
final class Typed {
  private Typed() {}

  @FunctionalInterface
  interface Body {
    int run(boolean cuda, MemorySegment out);
  }

  /** Calls {@code body} while holding {@code tensors}; its output is a new tensor. */
  private static Tensor one(String name, Body body, Tensor... tensors) {
    TensorScope scope = TensorScope.innermost();
    call(name, body, tensors);
    return Tensor.adopt(Native.get().outPointer(), scope, null);
  }

  /** Calls {@code body}, which changes the first of {@code tensors}; returns that one. */
  private static Tensor into(String name, Body body, Tensor... tensors) {
    tensors[0].requireWritable(name);
    call(name, body, tensors);
    return tensors[0];
  }

  private static void call(String name, Body body, Tensor... tensors) {
    Native n = Native.get();
    boolean cuda = tensors[0].device().isCuda();
    int held = 0;
    try {
      for (; held < tensors.length; held++) {
        if (tensors[held].device().isCuda() != cuda && tensors[held].rank() != 0) {
          throw new IllegalArgumentException(
              name + " of tensors on different devices: " + describe(tensors));
        }
        tensors[held].acquire(name);
      }
      Tensor.duringCall(() -> callHeld(name, body, cuda, n.out, tensors), tensors);
    } finally {
      for (int i = 0; i < held; i++) {
        tensors[i].release();
      }
    }
  }

  private static void callHeld(
      String name, Body body, boolean cuda, MemorySegment out, Tensor[] tensors) {
    TensorFloat32.call().lock();
    int status;
    try {
      status = body.run(cuda, out);
    } finally {
      TensorFloat32.call().unlock();
    }
    if (status != 0) {
      throw new TorchException(name + "(" + describe(tensors) + "): " + Native.lastMessage());
    }
  }

  private static String describe(Tensor[] tensors) {
    StringBuilder text = new StringBuilder();
    for (Tensor tensor : tensors) {
      text.append(text.isEmpty() ? "" : ", ").append(tensor.describe());
    }
    return text.toString();
  }

  static Tensor add(Tensor a, Tensor b, double alpha) {
    return one(
        "add",
        (cuda, out) ->
            cuda
                ? aoti_torch_cuda_add_Tensor(a.handle(), b.handle(), alpha, out)
                : aoti_torch_cpu_add_Tensor(a.handle(), b.handle(), alpha, out),
        a,
        b);
  }

  static Tensor add(Tensor a, double b) {
    return one(
        "add",
        (cuda, out) ->
            cuda
                ? aoti_torch_cuda_add_Scalar(a.handle(), b, 1, out)
                : aoti_torch_cpu_add_Scalar(a.handle(), b, 1, out),
        a);
  }

  static Tensor mul(Tensor a, double b) {
    return one(
        "mul",
        (cuda, out) ->
            cuda
                ? aoti_torch_cuda_mul_Scalar(a.handle(), b, out)
                : aoti_torch_cpu_mul_Scalar(a.handle(), b, out),
        a);
  }

  static Tensor mul(Tensor a, Tensor b) {
    return one(
        "mul",
        (cuda, out) ->
            cuda
                ? aoti_torch_cuda_mul_Tensor(a.handle(), b.handle(), out)
                : aoti_torch_cpu_mul_Tensor(a.handle(), b.handle(), out),
        a,
        b);
  }

  static Tensor pow(Tensor a, double exponent) {
    return one(
        "pow",
        (cuda, out) ->
            cuda
                ? aoti_torch_cuda_pow_Tensor_Scalar(a.handle(), exponent, out)
                : aoti_torch_cpu_pow_Tensor_Scalar(a.handle(), exponent, out),
        a);
  }

  static Tensor fill(Tensor a, double value) {
    return into(
        "fill_",
        (cuda, out) ->
            cuda
                ? aoti_torch_cuda_fill__Scalar(a.handle(), value)
                : aoti_torch_cpu_fill__Scalar(a.handle(), value),
        a);
  }

  static Tensor zero(Tensor a) {
    return into("zero_", (cuda, out) -> aoti_torch_zero_(a.handle()), a);
  }

  static Tensor copy(Tensor target, Tensor source) {
    return copy(target, source, false);
  }

  /** Copies; if {@code behind}, the call may return before the copy is complete. */
  static Tensor copy(Tensor target, Tensor source, boolean behind) {
    target.requireWritable("copy_");
    Native.get();
    target.acquire("copy_");
    try {
      source.acquire("copy_");
      try {
        Tensor.duringCall(() -> copyHeld(target, source, behind), target, source);
      } finally {
        source.release();
      }
    } finally {
      target.release();
    }
    return target;
  }

  private static void copyHeld(Tensor target, Tensor source, boolean behind) {
    if (aoti_torch_copy_(target.handle(), source.handle(), behind ? 1 : 0) != 0) {
      throw new TorchException(
          "copy_ of "
              + source.describe()
              + " into "
              + target.describe()
              + ": "
              + Native.lastMessage());
    }
  }

  static Tensor mmOut(Tensor out, Tensor a, Tensor b) {
    return into(
        "mm.out",
        (cuda, scratch) ->
            cuda
                ? aoti_torch_cuda_mm_out(out.handle(), a.handle(), b.handle())
                : aoti_torch_cpu_mm_out(out.handle(), a.handle(), b.handle()),
        out,
        a,
        b);
  }

  static Tensor bmmOut(Tensor out, Tensor a, Tensor b) {
    return into(
        "bmm.out",
        (cuda, scratch) ->
            cuda
                ? aoti_torch_cuda_bmm_out(out.handle(), a.handle(), b.handle())
                : aoti_torch_cpu_bmm_out(out.handle(), a.handle(), b.handle()),
        out,
        a,
        b);
  }

  static Tensor addmmOut(Tensor out, Tensor c, Tensor a, Tensor b, double beta, double alpha) {
    return into(
        "addmm.out",
        (cuda, scratch) ->
            cuda
                ? aoti_torch_cuda_addmm_out(
                    out.handle(), c.handle(), a.handle(), b.handle(), beta, alpha)
                : aoti_torch_cpu_addmm_out(
                    out.handle(), c.handle(), a.handle(), b.handle(), beta, alpha),
        out,
        c,
        a,
        b);
  }

  static Tensor baddbmmOut(Tensor out, Tensor c, Tensor a, Tensor b, double beta, double alpha) {
    return into(
        "baddbmm.out",
        (cuda, scratch) ->
            cuda
                ? aoti_torch_cuda_baddbmm_out(
                    out.handle(), c.handle(), a.handle(), b.handle(), beta, alpha)
                : aoti_torch_cpu_baddbmm_out(
                    out.handle(), c.handle(), a.handle(), b.handle(), beta, alpha),
        out,
        c,
        a,
        b);
  }
}
