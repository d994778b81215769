package io.sluice.torch;

import static java.lang.foreign.ValueLayout.ADDRESS;
import static java.lang.foreign.ValueLayout.JAVA_INT;
import static java.lang.foreign.ValueLayout.JAVA_LONG;

import io.sluice.bindings.torch.LibTorchC;
import java.lang.foreign.Arena;
import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.Linker;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.SymbolLookup;
import java.lang.invoke.MethodHandle;

/** Common to all calls into LibTorch: per-thread scratch memory, and errors as exceptions. */
final class Native {
  private static final ThreadLocal<Native> OF_THREAD = ThreadLocal.withInitial(Native::new);

  /** Slots of a dispatcher call; the widest schema that is called has far fewer arguments. */
  static final int STACK_SLOTS = 32;

  /** The largest number of dimensions of a tensor in Sluice. */
  static final int MAX_RANK = 16;

  final MemorySegment stack;
  final MemorySegment out;
  final MemorySegment sizes;
  final MemorySegment strides;

  private Native() {
    Torch.load();
    // Freed when its thread is garbage.
    Arena arena = Arena.ofAuto();
    stack = arena.allocate(JAVA_LONG, STACK_SLOTS);
    out = arena.allocate(JAVA_LONG, 4);
    sizes = arena.allocate(JAVA_LONG, MAX_RANK);
    strides = arena.allocate(JAVA_LONG, MAX_RANK);
    // No autograd anywhere in Sluice; the mode is LibTorch's per-thread state.
    LibTorchC.aoti_torch_grad_mode_set_enabled(false);
  }

  static Native get() {
    return OF_THREAD.get();
  }

  MemorySegment outPointer() {
    return out.get(ADDRESS, 0);
  }

  long outLong() {
    return out.get(JAVA_LONG, 0);
  }

  int outInt() {
    return out.get(JAVA_INT, 0);
  }

  /** Throws LibTorch's error if {@code status} is a failure. */
  static void check(int status, String doing) {
    if (status != 0) {
      throw new TorchException(doing + ": " + lastMessage());
    }
  }

  /** LibTorch's message for the last failure of this thread, on one line. */
  static String lastMessage() {
    if (!Torch.atLeast(2, 13)) {
      return "LibTorch refused it (its message is on stderr; from 2.13 on it would stand here)";
    }
    MemorySegment text = LibTorchC.torch_exception_get_what_without_backtrace();
    if (text.equals(MemorySegment.NULL)) {
      return "LibTorch gave no message";
    }
    return text.getString(0).strip().replaceAll("\\s*\\R\\s*", " ");
  }

  /**
   * A heap slot for an optional argument; the dispatcher frees it. Before 2.13 LibTorch has no
   * function for it and frees such a slot with C++'s delete, so it comes from operator new.
   */
  static MemorySegment newOptionalSlot() {
    if (Torch.atLeast(2, 13)) {
      Native n = get();
      check(LibTorchC.torch_new_stable_ivalue(n.out), "optional argument");
      return n.outPointer().reinterpret(8);
    }
    try {
      return ((MemorySegment) OperatorNew.HANDLE.invokeExact(8L)).reinterpret(8);
    } catch (Throwable e) {
      throw new TorchException("no memory for an optional argument", e);
    }
  }

  private static final class OperatorNew {
    static final MethodHandle HANDLE =
        Linker.nativeLinker()
            .downcallHandle(
                SymbolLookup.libraryLookup("libstdc++.so.6", Arena.global())
                    .find("_Znwm")
                    .orElseThrow(),
                FunctionDescriptor.of(ADDRESS, JAVA_LONG));
  }
}
