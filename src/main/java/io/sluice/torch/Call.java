package io.sluice.torch;

import static java.lang.foreign.ValueLayout.ADDRESS;
import static java.lang.foreign.ValueLayout.JAVA_LONG;

import io.sluice.bindings.torch.LibTorchC;
import io.sluice.memory.DType;
import io.sluice.memory.ScratchArrays;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.List;

/**
 * One call of an ATen operator through LibTorch's dispatcher.
 *
 * <p>The dispatcher takes a stack of untyped 8-byte slots, and a slot of the wrong kind crashes the
 * process. So this class is package-private, and each typed operator method alone fills its slots,
 * in the order of the operator's schema.
 *
 * <p>Arguments are collected as Java values first and then written to the native stack, since an
 * argument may itself be the result of another call.
 */
final class Call {
  /** An operator's name in LibTorch's registry; allocated once and never freed. */
  record Operator(String label, MemorySegment name, MemorySegment overload) {
    static Operator of(String name) {
      return of(name, "");
    }

    static Operator of(String name, String overload) {
      Arena forever = Arena.global();
      return new Operator(
          overload.isEmpty() ? name : name + "." + overload,
          forever.allocateFrom("aten::" + name),
          forever.allocateFrom(overload));
    }
  }

  private enum Kind {
    VALUE,
    REAL,
    TENSOR,
    OPTIONAL_TENSOR,
    OPTIONAL_VALUE,
    NONE,
    INTEGERS,
    OPTIONAL_INTEGERS,
    TENSORS,
    TEXT
  }

  private static final Tensor[] NO_TENSORS = new Tensor[0];

  /** Room for the arguments of most operators. */
  private static final int FEW = 4;

  private final Operator operator;
  private Kind[] kinds = new Kind[FEW];
  private long[] values = new long[FEW];
  private Object[] objects = new Object[FEW];
  private int count;
  private boolean hasText;

  private Call(Operator operator) {
    this.operator = operator;
  }

  static Call of(Operator operator) {
    return new Call(operator);
  }

  Call tensor(Tensor tensor) {
    if (tensor == null) {
      throw new NullPointerException(operator.label + ": a tensor argument is null");
    }
    return push(Kind.TENSOR, 0, tensor);
  }

  Call optional(Tensor tensor) {
    return tensor == null ? none() : push(Kind.OPTIONAL_TENSOR, 0, tensor);
  }

  Call integer(long value) {
    return push(Kind.VALUE, value, null);
  }

  Call bool(boolean value) {
    return push(Kind.VALUE, value ? 1 : 0, null);
  }

  Call real(double value) {
    return push(Kind.REAL, Double.doubleToRawLongBits(value), null);
  }

  Call dtype(DType type) {
    return push(Kind.VALUE, ScalarTypes.of(type), null);
  }

  Call none() {
    return push(Kind.NONE, 0, null);
  }

  Call optionalInteger(long value) {
    return push(Kind.OPTIONAL_VALUE, value, null);
  }

  Call optionalBool(boolean value) {
    return push(Kind.OPTIONAL_VALUE, value ? 1 : 0, null);
  }

  Call optionalReal(double value) {
    return push(Kind.OPTIONAL_VALUE, Double.doubleToRawLongBits(value), null);
  }

  Call integers(long... values) {
    return push(Kind.INTEGERS, 0, values.clone());
  }

  Call optionalIntegers(long... values) {
    return push(Kind.OPTIONAL_INTEGERS, 0, values.clone());
  }

  Call tensors(List<Tensor> tensors) {
    return push(Kind.TENSORS, 0, tensors.toArray(Tensor[]::new));
  }

  Call text(String text) {
    hasText = true;
    return push(Kind.TEXT, 0, text);
  }

  private Call push(Kind kind, long value, Object object) {
    kinds = ScratchArrays.extended(kinds, count + 1);
    values = ScratchArrays.extended(values, count + 1);
    objects = ScratchArrays.extended(objects, count + 1);
    kinds[count] = kind;
    values[count] = value;
    objects[count] = object;
    count++;
    return this;
  }

  /** Runs an operator with one result, a new tensor of the innermost scope. */
  Tensor one() {
    TensorScope scope = TensorScope.innermost();
    Native n = run();
    return Tensor.adopt(n.stack.getAtIndex(ADDRESS, 0), scope, null);
  }

  /** Like {@link #one}, for operators whose result may share memory with {@code base}. */
  Tensor viewOf(Tensor base) {
    TensorScope scope = TensorScope.innermost();
    Native n = run();
    return Tensor.adopt(n.stack.getAtIndex(ADDRESS, 0), scope, base);
  }

  /** Runs an operator with {@code results} results, all tensors. */
  Tensor[] many(int results) {
    TensorScope scope = TensorScope.innermost();
    Native n = run();
    MemorySegment[] handles = new MemorySegment[results];
    for (int i = 0; i < results; i++) {
      handles[i] = n.stack.getAtIndex(ADDRESS, i);
    }
    Tensor[] tensors = new Tensor[results];
    for (int i = 0; i < results; i++) {
      tensors[i] = Tensor.adopt(handles[i], scope, null);
    }
    return tensors;
  }

  /** Runs an operator that changes {@code target} and returns it. */
  Tensor into(Tensor target) {
    target.requireWritable(operator.label);
    Native n = run();
    // The result is a second handle to the same tensor.
    LibTorchC.aoti_torch_delete_tensor_object(n.stack.getAtIndex(ADDRESS, 0));
    return target;
  }

  /** Runs an operator that changes its arguments and returns nothing. */
  void nothing() {
    run();
  }

  private Native run() {
    Native n = Native.get();
    int held = 0;
    try {
      for (; held < count; held++) {
        hold(objects[held]);
      }
      Tensor.duringCall(() -> dispatch(n), tensors());
    } finally {
      for (int i = 0; i < held; i++) {
        release(objects[i]);
      }
    }
    return n;
  }

  private void dispatch(Native n) {
    // An arena costs as much as a small operator, and few operators take a string.
    try (Arena texts = hasText ? Arena.ofConfined() : null) {
      for (int i = 0; i < count; i++) {
        n.stack.setAtIndex(JAVA_LONG, i, slot(n, i, texts));
      }
    }
    TensorFloat32.call().lock();
    int status;
    try {
      status =
          LibTorchC.torch_call_dispatcher(
              operator.name, operator.overload, n.stack, Torch.abiVersion());
    } finally {
      TensorFloat32.call().unlock();
    }
    if (status != 0) {
      throw new TorchException(describe() + ": " + Native.lastMessage());
    }
  }

  /** All tensor arguments if one of them is over Java memory, otherwise none. */
  private Tensor[] tensors() {
    int found = 0;
    boolean owned = false;
    for (int i = 0; i < count; i++) {
      if (objects[i] instanceof Tensor tensor) {
        found++;
        owned |= tensor.isOwned();
      } else if (objects[i] instanceof Tensor[] several) {
        found += several.length;
        for (Tensor tensor : several) {
          owned |= tensor.isOwned();
        }
      }
    }
    if (!owned) {
      return NO_TENSORS;
    }
    Tensor[] all = new Tensor[found];
    for (int i = count - 1; i >= 0; i--) {
      if (objects[i] instanceof Tensor tensor) {
        all[--found] = tensor;
      } else if (objects[i] instanceof Tensor[] several) {
        for (Tensor tensor : several) {
          all[--found] = tensor;
        }
      }
    }
    return all;
  }

  private void hold(Object object) {
    if (object instanceof Tensor tensor) {
      tensor.acquire(operator.label);
    } else if (object instanceof Tensor[] tensors) {
      int held = 0;
      try {
        for (; held < tensors.length; held++) {
          tensors[held].acquire(operator.label);
        }
      } catch (RuntimeException e) {
        for (int i = 0; i < held; i++) {
          tensors[i].release();
        }
        throw e;
      }
    }
  }

  private static void release(Object object) {
    if (object instanceof Tensor tensor) {
      tensor.release();
    } else if (object instanceof Tensor[] tensors) {
      for (Tensor tensor : tensors) {
        tensor.release();
      }
    }
  }

  private long slot(Native n, int i, Arena texts) {
    return switch (kinds[i]) {
      case VALUE, REAL -> values[i];
      case NONE -> 0;
      case TENSOR -> newHandle(n, (Tensor) objects[i]);
      case OPTIONAL_TENSOR -> optionalSlot(newHandle(n, (Tensor) objects[i]));
      case OPTIONAL_VALUE -> optionalSlot(values[i]);
      case INTEGERS -> list(n, (long[]) objects[i]);
      case OPTIONAL_INTEGERS -> optionalSlot(list(n, (long[]) objects[i]));
      case TENSORS -> {
        Tensor[] tensors = (Tensor[]) objects[i];
        long[] handles = new long[tensors.length];
        for (int t = 0; t < tensors.length; t++) {
          handles[t] = newHandle(n, tensors[t]);
        }
        yield list(n, handles);
      }
      case TEXT -> {
        byte[] bytes = ((String) objects[i]).getBytes(StandardCharsets.UTF_8);
        MemorySegment text = texts.allocateFrom((String) objects[i]);
        Native.check(LibTorchC.torch_new_string_handle(text, bytes.length, n.out), operator.label);
        yield n.outLong();
      }
    };
  }

  private long newHandle(Native n, Tensor tensor) {
    Native.check(LibTorchC.aoti_torch_new_tensor_handle(tensor.handle(), n.out), operator.label);
    return n.outLong();
  }

  private static long optionalSlot(long value) {
    MemorySegment slot = Native.newOptionalSlot();
    slot.set(JAVA_LONG, 0, value);
    return slot.address();
  }

  private long list(Native n, long[] items) {
    Native.check(LibTorchC.torch_new_list_reserve_size(items.length, n.out), operator.label);
    MemorySegment list = n.outPointer();
    for (long item : items) {
      Native.check(LibTorchC.torch_list_push_back(list, item), operator.label);
    }
    return list.address();
  }

  /** The operator with its arguments' shapes and types, for error messages. */
  private String describe() {
    StringBuilder text = new StringBuilder(operator.label).append('(');
    String separator = "";
    for (int i = 0; i < count; i++) {
      String argument =
          switch (objects[i]) {
            case Tensor tensor -> tensor.describe();
            case Tensor[] tensors ->
                Arrays.toString(
                    Arrays.stream(tensors).map(Tensor::describe).toArray(String[]::new));
            case long[] integers -> Arrays.toString(integers);
            case null ->
                switch (kinds[i]) {
                  case VALUE -> Long.toString(values[i]);
                  case REAL -> Double.toString(Double.longBitsToDouble(values[i]));
                  default -> null;
                };
            default -> objects[i].toString();
          };
      if (argument != null) {
        text.append(separator).append(argument);
        separator = ", ";
      }
    }
    return text.append(')').toString();
  }
}
