package io.sluice.torch;

import static java.lang.foreign.ValueLayout.ADDRESS;
import static java.lang.foreign.ValueLayout.JAVA_BYTE;
import static java.lang.foreign.ValueLayout.JAVA_DOUBLE;
import static java.lang.foreign.ValueLayout.JAVA_FLOAT;
import static java.lang.foreign.ValueLayout.JAVA_INT;
import static java.lang.foreign.ValueLayout.JAVA_LONG;

import io.sluice.bindings.torch.LibTorchC;
import io.sluice.memory.DType;
import io.sluice.memory.LiveMemory;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;
import java.util.Arrays;
import java.util.Objects;
import java.util.function.Consumer;
import java.util.function.DoubleSupplier;
import java.util.random.RandomGenerator;
import java.util.random.RandomGeneratorFactory;

/**
 * A LibTorch tensor: an n-dimensional array of one {@link DType} on one {@link Device}.
 *
 * <p>A tensor belongs to a {@link TensorScope} and is freed with it, or earlier by {@link #close}.
 * Using it later throws {@link IllegalStateException}. Its memory is LibTorch's own, or memory that
 * Java owns ({@link #of}), which must stay open as long as the tensor and its views are used.
 *
 * <p>Operators are methods, grouped by the interfaces that this class implements; unless their name
 * ends in an underscore they return a new tensor in the innermost open scope. A shape, dtype or
 * device that does not fit is an {@link IllegalArgumentException} or a {@link TorchException} whose
 * message shows every argument.
 *
 * <p>Tensors may be shared between threads. Closing one while another thread runs an operator on it
 * throws {@link IllegalStateException}; the contents are not guarded.
 */
public final class Tensor
    implements AutoCloseable,
        PointwiseOperators,
        MatrixOperators,
        ReductionOperators,
        ShapeOperators,
        IndexOperators,
        NeuralOperators,
        TrainingOperators {
  private static final VarHandle USERS;

  static {
    try {
      USERS = MethodHandles.lookup().findVarHandle(Tensor.class, "users", int.class);
    } catch (ReflectiveOperationException e) {
      throw new ExceptionInInitializerError(e);
    }
  }

  private static final int CLOSED = -1;

  /** Random numbers of one call. */
  private static final long MOST_DRAWN = 1L << 27;

  private final MemorySegment handle;

  /** The Java memory that this tensor reads, or null if LibTorch owns it. */
  private final MemorySegment owner;

  /** The number of calls that use the handle now, or {@link #CLOSED}. */
  private volatile int users;

  private volatile TensorScope scope;
  private long[] shape;
  private DType dtype;
  private Device device;
  private Arena viewArena;

  /** Neighbours in the scope's list; guarded by the scope. */
  Tensor older;

  Tensor newer;

  private Tensor(MemorySegment handle, TensorScope scope, MemorySegment owner) {
    this.handle = handle;
    this.owner = owner;
    this.scope = scope;
  }

  /**
   * Takes ownership of a handle that LibTorch returned. If its memory lies inside the Java memory
   * of {@code base}, it shares that memory and its restrictions.
   */
  static Tensor adopt(MemorySegment handle, TensorScope scope, Tensor base) {
    MemorySegment owner = null;
    if (base != null && base.owner != null) {
      Native n = Native.get();
      Native.check(LibTorchC.aoti_torch_get_data_ptr(handle, n.out), "data_ptr");
      long offset = n.outLong() - base.owner.address();
      if (offset >= 0 && offset <= base.owner.byteSize()) {
        owner = base.owner;
      }
    }
    Tensor tensor = new Tensor(handle, scope, owner);
    try {
      scope.add(tensor);
    } catch (RuntimeException e) {
      LibTorchC.aoti_torch_delete_tensor_object(handle);
      throw e;
    }
    return tensor;
  }

  // ---- making tensors ----

  /**
   * A tensor over memory that Java owns, without a copy: row-major, on the CPU.
   *
   * <p>The tensor keeps {@code memory} reachable. If its arena is closed earlier, using the tensor
   * throws. A read-only segment (for instance a file mapped for reading) gives a tensor that
   * operators may read but not change.
   *
   * @param memory native memory of at least the shape's size, aligned to the element size
   * @throws IllegalArgumentException if the memory is on the heap, too small or misaligned
   * @throws IllegalStateException if it was freed
   * @throws WrongThreadException if it is confined to another thread
   */
  public static Tensor of(MemorySegment memory, DType dtype, long... shape) {
    Objects.requireNonNull(dtype, "dtype");
    long bytes = Math.multiplyExact(elements(shape), (long) dtype.bytes());
    if (!memory.isNative()) {
      throw new IllegalArgumentException(
          "a tensor needs native memory, and this segment is on the heap; allocate it from an Arena");
    }
    if (memory.byteSize() < bytes) {
      throw new IllegalArgumentException(
          "memory of "
              + memory.byteSize()
              + " bytes is too small for "
              + dtype.label()
              + " "
              + Arrays.toString(shape)
              + " ("
              + bytes
              + " bytes)");
    }
    if (memory.address() % dtype.bytes() != 0) {
      throw new IllegalArgumentException(
          "memory at an address that is not a multiple of "
              + dtype.bytes()
              + " bytes, the size of a "
              + dtype.label());
    }
    requireAlive(memory, "Tensor.of");
    TensorScope scope = TensorScope.innermost();
    Native n = Native.get();
    writeShape(n, shape);
    MemorySegment address = MemorySegment.ofAddress(memory.address());
    LiveMemory.during(
        () ->
            Native.check(
                LibTorchC.aoti_torch_create_tensor_from_blob(
                    address,
                    shape.length,
                    n.sizes,
                    n.strides,
                    0,
                    ScalarTypes.of(dtype),
                    0,
                    0,
                    n.out),
                "create_tensor_from_blob"),
        memory);
    Tensor tensor = new Tensor(n.outPointer(), scope, memory.asSlice(0, bytes));
    scope.add(tensor);
    return tensor;
  }

  /** A row-major tensor with undefined contents. */
  public static Tensor empty(DType dtype, Device device, long... shape) {
    return empty(dtype, device, false, shape);
  }

  /**
   * A tensor in page-locked host memory, from which copies to a GPU run at full speed; contents
   * undefined. Needs CUDA.
   *
   * @throws TorchException if there is no usable GPU
   */
  public static Tensor emptyPinned(DType dtype, long... shape) {
    Torch.requireCuda();
    return empty(dtype, Device.CPU, true, shape);
  }

  private static Tensor empty(DType dtype, Device device, boolean pinned, long... shape) {
    Objects.requireNonNull(dtype, "dtype");
    if (device.isCuda()) {
      Torch.requireCuda(device);
    }
    Math.multiplyExact(elements(shape), (long) dtype.bytes());
    TensorScope scope = TensorScope.innermost();
    Native n = Native.get();
    writeShape(n, shape);
    int type = device.kind().type();
    int status =
        pinned
            ? LibTorchC.aoti_torch_empty_strided_pinned(
                shape.length,
                n.sizes,
                n.strides,
                ScalarTypes.of(dtype),
                type,
                device.index(),
                n.out)
            : LibTorchC.aoti_torch_empty_strided(
                shape.length,
                n.sizes,
                n.strides,
                ScalarTypes.of(dtype),
                type,
                device.index(),
                n.out);
    Native.check(status, "empty " + dtype.label() + " " + Arrays.toString(shape) + " on " + device);
    return adopt(n.outPointer(), scope, null);
  }

  /** A tensor of zeros. */
  public static Tensor zeros(DType dtype, Device device, long... shape) {
    return empty(dtype, device, shape).zero_();
  }

  /** A tensor whose elements all are {@code value}. */
  public static Tensor full(double value, DType dtype, Device device, long... shape) {
    return empty(dtype, device, shape).fill_(value);
  }

  /** A tensor without dimensions that holds {@code value}. */
  public static Tensor scalar(double value, DType dtype, Device device) {
    return full(value, dtype, device);
  }

  /** A float32 copy of {@code values} on the CPU. */
  public static Tensor ofFloats(float[] values, long... shape) {
    requireElements(values.length, shape);
    Tensor tensor = empty(DType.F32, Device.CPU, shape);
    MemorySegment.copy(values, 0, tensor.rawData(), JAVA_FLOAT, 0, values.length);
    return tensor;
  }

  /** A float64 copy of {@code values} on the CPU. */
  public static Tensor ofDoubles(double[] values, long... shape) {
    requireElements(values.length, shape);
    Tensor tensor = empty(DType.F64, Device.CPU, shape);
    MemorySegment.copy(values, 0, tensor.rawData(), JAVA_DOUBLE, 0, values.length);
    return tensor;
  }

  /** An int64 copy of {@code values} on the CPU. */
  public static Tensor ofLongs(long[] values, long... shape) {
    requireElements(values.length, shape);
    Tensor tensor = empty(DType.I64, Device.CPU, shape);
    MemorySegment.copy(values, 0, tensor.rawData(), JAVA_LONG, 0, values.length);
    return tensor;
  }

  /** An int32 copy of {@code values} on the CPU. */
  public static Tensor ofInts(int[] values, long... shape) {
    requireElements(values.length, shape);
    Tensor tensor = empty(DType.I32, Device.CPU, shape);
    MemorySegment.copy(values, 0, tensor.rawData(), JAVA_INT, 0, values.length);
    return tensor;
  }

  /**
   * The int64 numbers {@code start, start + 1, …, end − 1}.
   *
   * @throws IllegalArgumentException for more than an array of Java holds
   */
  public static Tensor arange(long start, long end, Device device) {
    long count = end - start;
    if (end < start || count < 0 || count > Integer.MAX_VALUE - 8) {
      throw new IllegalArgumentException("arange from " + start + " to " + end);
    }
    long[] values = new long[(int) count];
    Arrays.setAll(values, i -> start + i);
    Tensor host = ofLongs(values, values.length);
    return device.isCuda() ? host.to(device) : host;
  }

  /**
   * Float32 numbers drawn uniformly from {@code [low, high)}. Java draws them, so that a seed gives
   * the same numbers on every device and with every LibTorch.
   *
   * @throws IllegalArgumentException for more than 2²⁷ numbers, which would take seconds
   */
  public static Tensor uniform(long seed, double low, double high, Device device, long... shape) {
    if (!(low <= high) || Double.isInfinite(high - low)) {
      throw new IllegalArgumentException("no uniform numbers from " + low + " to " + high);
    }
    RandomGenerator random = random(seed);
    return drawn(() -> low + (high - low) * random.nextDouble(), device, shape);
  }

  /** Float32 numbers drawn from the normal distribution; reproducible like {@link #uniform}. */
  public static Tensor normal(
      long seed, double mean, double deviation, Device device, long... shape) {
    RandomGenerator random = random(seed);
    return drawn(() -> mean + deviation * random.nextGaussian(), device, shape);
  }

  private static RandomGenerator random(long seed) {
    return RandomGeneratorFactory.of("L64X128MixRandom").create(seed);
  }

  private static Tensor drawn(DoubleSupplier next, Device device, long... shape) {
    long wanted = elements(shape);
    if (wanted > MOST_DRAWN) {
      throw new IllegalArgumentException(
          "%s asks for %d random numbers; at most %d are drawn at once"
              .formatted(Arrays.toString(shape), wanted, MOST_DRAWN));
    }
    Tensor host = empty(DType.F32, Device.CPU, shape);
    MemorySegment memory = host.rawData();
    for (long i = 0; i < wanted; i++) {
      memory.setAtIndex(JAVA_FLOAT, i, (float) next.getAsDouble());
    }
    return device.isCuda() ? host.to(device) : host;
  }

  // ---- describing ----

  /** The sizes of the dimensions; a fresh array. */
  public long[] shape() {
    return sizes().clone();
  }

  /** The size of dimension {@code dim}; negative numbers count from the last. */
  public long size(int dim) {
    long[] sizes = sizes();
    return sizes[Objects.checkIndex(dim < 0 ? dim + sizes.length : dim, sizes.length)];
  }

  /** The number of dimensions. */
  public int rank() {
    return sizes().length;
  }

  /** The number of elements. */
  public long elements() {
    return elements(sizes());
  }

  /** The element type. */
  public DType dtype() {
    if (dtype == null) {
      Native n = begin("dtype");
      try {
        Native.check(LibTorchC.aoti_torch_get_dtype(handle, n.out), "dtype");
        dtype = ScalarTypes.dtype(n.outInt());
      } finally {
        release();
      }
    }
    return dtype;
  }

  /** The device of the memory. */
  public Device device() {
    if (device == null) {
      Native n = begin("device");
      try {
        Native.check(LibTorchC.aoti_torch_get_device_type(handle, n.out), "device");
        int type = n.outInt();
        Native.check(LibTorchC.aoti_torch_get_device_index(handle, n.out), "device");
        device = Device.of(type, Math.max(0, n.outInt()));
      } finally {
        release();
      }
    }
    return device;
  }

  /** Whether the elements lie in row-major order without gaps. */
  public boolean isContiguous() {
    Native n = begin("is_contiguous");
    try {
      Native.check(LibTorchC.aoti_torch_is_contiguous(handle, n.out), "is_contiguous");
      return n.out.get(JAVA_BYTE, 0) != 0;
    } finally {
      release();
    }
  }

  /** Whether this tensor reads memory that may not be changed. */
  public boolean isReadOnly() {
    return owner != null && owner.isReadOnly();
  }

  /** Whether this tensor can no longer be used. */
  public boolean isClosed() {
    return users == CLOSED;
  }

  // ---- reading and writing from Java ----

  /**
   * The elements as memory, without a copy: row-major, valid until this tensor is closed (later
   * access throws), from any thread. For a tensor over Java memory it is a slice of that memory,
   * valid as long as its arena. Read-only if the tensor is.
   *
   * @throws IllegalStateException if the tensor is on a GPU or not contiguous
   */
  public MemorySegment data() {
    synchronized (this) {
      if (isClosed()) {
        throw closed("data");
      }
      if (owner != null) {
        MemorySegment memory = rawData();
        long bytes = memory.byteSize();
        return owner.asSlice(bytes == 0 ? 0 : memory.address() - owner.address(), bytes);
      }
      if (viewArena == null) {
        viewArena = Arena.ofShared();
      }
      return rawData().reinterpret(viewArena, null);
    }
  }

  /** Passes the elements' memory to {@code use} and keeps it from being freed meanwhile. */
  private void withData(String doing, Consumer<MemorySegment> use) {
    acquire(doing);
    try {
      duringCall(() -> use.accept(rawData()), this);
    } finally {
      release();
    }
  }

  /** Runs {@code body} and keeps the Java memory of the tensors from being freed meanwhile. */
  static void duringCall(Runnable body, Tensor... tensors) {
    int owned = 0;
    for (Tensor tensor : tensors) {
      owned += tensor.owner == null ? 0 : 1;
    }
    if (owned == 0) {
      body.run();
      return;
    }
    MemorySegment[] memory = new MemorySegment[owned];
    for (Tensor tensor : tensors) {
      if (tensor.owner != null) {
        memory[--owned] = tensor.owner;
      }
    }
    LiveMemory.during(body, memory);
  }

  /** Whether Java owns the memory. */
  boolean isOwned() {
    return owner != null;
  }

  /** The elements as memory without a lifetime check; for use inside one call. */
  private MemorySegment rawData() {
    if (device().isCuda()) {
      throw new IllegalStateException(
          describe() + " is not in host memory; copy it with to(Device.CPU) first");
    }
    if (!isContiguous()) {
      throw new IllegalStateException(describe() + " is not contiguous; call contiguous() first");
    }
    long bytes = elements() * dtype().bytes();
    Native n = begin("data");
    try {
      Native.check(LibTorchC.aoti_torch_get_data_ptr(handle, n.out), "data_ptr");
      return bytes == 0 ? MemorySegment.NULL : n.outPointer().reinterpret(bytes);
    } finally {
      release();
    }
  }

  /**
   * Copies the elements, row-major, to {@code target}, which must have exactly their size; from any
   * device.
   */
  public void copyTo(MemorySegment target) {
    long bytes = elements() * dtype().bytes();
    if (target.byteSize() != bytes) {
      throw new IllegalArgumentException(
          describe() + " has " + bytes + " bytes, the target " + target.byteSize());
    }
    try (TensorScope scope = TensorScope.open()) {
      if (bytes > 0) {
        to(Device.CPU).contiguous().withData("copyTo", target::copyFrom);
      }
    }
  }

  /** Sets the elements, row-major, from {@code source}, which must have exactly their size. */
  public void copyFrom(MemorySegment source) {
    long bytes = elements() * dtype().bytes();
    if (source.byteSize() != bytes) {
      throw new IllegalArgumentException(
          describe() + " has " + bytes + " bytes, the source " + source.byteSize());
    }
    requireWritable("copyFrom");
    if (bytes == 0) {
      return;
    }
    if (!device().isCuda() && isContiguous()) {
      withData("copyFrom", memory -> memory.copyFrom(source));
      return;
    }
    try (TensorScope scope = TensorScope.open()) {
      Tensor host = empty(dtype(), Device.CPU, sizes());
      host.rawData().copyFrom(source);
      copy_(host);
    }
  }

  /** The elements as float32 in a new array, row-major, from any floating-point type and device. */
  public float[] toFloats() {
    float[] values = new float[Math.toIntExact(elements())];
    try (TensorScope scope = TensorScope.open()) {
      if (values.length > 0) {
        to(DType.F32)
            .to(Device.CPU)
            .contiguous()
            .withData(
                "toFloats",
                memory -> MemorySegment.copy(memory, JAVA_FLOAT, 0, values, 0, values.length));
      }
    }
    return values;
  }

  /** The elements as float64 in a new array, row-major, from any numeric type and device. */
  public double[] toDoubles() {
    double[] values = new double[Math.toIntExact(elements())];
    try (TensorScope scope = TensorScope.open()) {
      if (values.length > 0) {
        to(DType.F64)
            .to(Device.CPU)
            .contiguous()
            .withData(
                "toDoubles",
                memory -> MemorySegment.copy(memory, JAVA_DOUBLE, 0, values, 0, values.length));
      }
    }
    return values;
  }

  /** The elements as int64 in a new array, row-major, from any numeric type and device. */
  public long[] toLongs() {
    long[] values = new long[Math.toIntExact(elements())];
    try (TensorScope scope = TensorScope.open()) {
      if (values.length > 0) {
        to(DType.I64)
            .to(Device.CPU)
            .contiguous()
            .withData(
                "toLongs",
                memory -> MemorySegment.copy(memory, JAVA_LONG, 0, values, 0, values.length));
      }
    }
    return values;
  }

  /**
   * The value of a tensor with one element.
   *
   * @throws IllegalStateException if it has another number of elements
   */
  public double item() {
    if (elements() != 1) {
      throw new IllegalStateException("item() of " + describe() + ", which has no single element");
    }
    try (TensorScope scope = TensorScope.open()) {
      // One copy, where toDoubles may convert on the device first.
      return device().isCuda() ? to(Device.CPU).toDoubles()[0] : toDoubles()[0];
    }
  }

  // ---- life ----

  /**
   * Moves the tensor to {@code target}, which then frees it.
   *
   * @return this tensor
   */
  public Tensor moveTo(TensorScope target) {
    synchronized (this) {
      if (isClosed()) {
        throw closed("moveTo");
      }
      if (target == scope) {
        return this;
      }
      TensorScope before = scope;
      before.remove(this);
      try {
        target.add(this);
        scope = target;
      } catch (IllegalStateException e) {
        // It stays in its scope: another thread may be using it.
        before.add(this);
        throw e;
      }
    }
    return this;
  }

  /**
   * Frees the tensor; a second call does nothing.
   *
   * @throws IllegalStateException if another thread is using it right now
   */
  @Override
  public void close() {
    synchronized (this) {
      if (isClosed()) {
        return;
      }
      if (!USERS.compareAndSet(this, 0, CLOSED)) {
        throw new IllegalStateException(
            "tensor closed while another thread runs an operator on it");
      }
      if (viewArena != null) {
        try {
          viewArena.close();
        } catch (IllegalStateException e) {
          users = 0;
          throw new IllegalStateException("tensor closed while another thread reads its memory", e);
        }
      }
      scope.remove(this);
      free();
    }
  }

  private void free() {
    LibTorchC.aoti_torch_delete_tensor_object(handle);
  }

  // ---- for the operators ----

  /** The native handle; only between {@link #acquire} and {@link #release}. */
  MemorySegment handle() {
    return handle;
  }

  /** Prevents closing the tensor until {@link #release}. */
  void acquire(String doing) {
    int now;
    do {
      now = users;
      if (now == CLOSED) {
        throw closed(doing);
      }
    } while (!USERS.compareAndSet(this, now, now + 1));
    if (owner != null && !owner.scope().isAlive()) {
      release();
      requireAlive(owner, doing);
    }
  }

  void release() {
    USERS.getAndAdd(this, -1);
  }

  void requireWritable(String doing) {
    if (isReadOnly()) {
      throw new IllegalStateException(
          doing + " would change " + describe() + ", which reads memory that is read-only");
    }
  }

  /**
   * Checks that this flat tensor ascends from 0 to {@code end}. LibTorch itself does not check, so
   * this must be a copy that no other thread can change.
   */
  void requireOffsets(long end) {
    boolean wide = dtype() == DType.I64;
    if (rank() != 1 || elements() == 0 || !wide && dtype() != DType.I32) {
      throw new IllegalArgumentException(
          "offsets must be int32 or int64 of shape [bags + 1], not " + describe());
    }
    MemorySegment memory = rawData();
    long last = elements() - 1;
    long before = 0;
    for (long i = 0; i <= last; i++) {
      long now = wide ? memory.getAtIndex(JAVA_LONG, i) : memory.getAtIndex(JAVA_INT, i);
      if (now < before || i == 0 && now != 0 || i == last && now != end) {
        throw new IllegalArgumentException(
            "offsets must ascend from 0 to " + end + ", but offset " + i + " is " + now);
      }
      before = now;
    }
  }

  /**
   * Checks that this flat tensor of integers on the CPU, also a copy, holds row indices below
   * {@code rows}.
   */
  void requireIndices(long rows) {
    boolean wide = dtype() == DType.I64;
    if (rank() != 1 || !wide && dtype() != DType.I32) {
      throw new IllegalArgumentException(
          "indices must be int32 or int64 of shape [n], not " + describe());
    }
    MemorySegment memory = rawData();
    long count = elements();
    for (long i = 0; i < count; i++) {
      long row = wide ? memory.getAtIndex(JAVA_LONG, i) : memory.getAtIndex(JAVA_INT, i);
      if (row < 0 || row >= rows) {
        throw new IllegalArgumentException(
            "index " + row + " at position " + i + " of a table of " + rows + " rows");
      }
    }
  }

  private Native begin(String doing) {
    Native n = Native.get();
    acquire(doing);
    return n;
  }

  private long[] sizes() {
    if (shape == null) {
      Native n = begin("shape");
      try {
        Native.check(LibTorchC.aoti_torch_get_dim(handle, n.out), "dim");
        long[] sizes = new long[Math.toIntExact(n.outLong())];
        Native.check(LibTorchC.aoti_torch_get_sizes(handle, n.out), "sizes");
        MemorySegment memory = n.out.get(ADDRESS, 0).reinterpret(8L * sizes.length);
        MemorySegment.copy(memory, JAVA_LONG, 0, sizes, 0, sizes.length);
        shape = sizes;
      } finally {
        release();
      }
    } else if (isClosed()) {
      throw closed("shape");
    }
    return shape;
  }

  private static IllegalStateException closed(String doing) {
    return new IllegalStateException(
        doing + " on a tensor that is closed (its TensorScope was left, or close() was called)");
  }

  private static void requireAlive(MemorySegment memory, String doing) {
    if (!memory.scope().isAlive()) {
      throw new IllegalStateException(
          doing + " on a tensor over Java memory whose arena is closed already");
    }
  }

  private static void requireElements(int length, long[] shape) {
    if (elements(shape) != length) {
      throw new IllegalArgumentException(
          length + " values do not fill shape " + Arrays.toString(shape));
    }
  }

  static long elements(long[] shape) {
    if (shape.length > Native.MAX_RANK) {
      throw new IllegalArgumentException(
          "shape " + Arrays.toString(shape) + " has more than " + Native.MAX_RANK + " dimensions");
    }
    long product = 1;
    for (long size : shape) {
      if (size < 0) {
        throw new IllegalArgumentException("negative size in shape " + Arrays.toString(shape));
      }
      product = Math.multiplyExact(product, size);
    }
    return product;
  }

  private static void writeShape(Native n, long[] shape) {
    long stride = 1;
    for (int i = shape.length - 1; i >= 0; i--) {
      n.sizes.setAtIndex(JAVA_LONG, i, shape[i]);
      n.strides.setAtIndex(JAVA_LONG, i, stride);
      stride *= Math.max(1, shape[i]);
    }
  }

  /** Shape, type and device, for messages. */
  String describe() {
    try {
      return isClosed()
          ? "closed tensor"
          : dtype().label() + " " + Arrays.toString(sizes()) + " " + device();
    } catch (IllegalStateException e) {
      // Another thread closed it or its memory in between; a message must not fail.
      return "closed tensor";
    }
  }

  /** For instance {@code Tensor(float32 [2, 3] cpu)}; the elements are not shown. */
  @Override
  public String toString() {
    return "Tensor(" + describe() + ")";
  }
}
