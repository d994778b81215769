package io.sluice.edges;

import io.sluice.memory.Workers;
import io.sluice.simd.batch.EncoderWeights;
import io.sluice.simd.batch.TopKEncoder;
import io.sluice.simd.layers.Attention;
import io.sluice.simd.layers.AttentionHeads;
import io.sluice.simd.layers.RowLogLoss;
import io.sluice.simd.layers.RowNorm;
import io.sluice.simd.layers.StridedProduct;
import io.sluice.torch.Device;
import io.sluice.torch.Tensor;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.reflect.Array;
import java.lang.reflect.Constructor;
import java.lang.reflect.Executable;
import java.lang.reflect.InvocationTargetException;
import java.lang.reflect.Method;
import java.lang.reflect.Modifier;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import java.util.function.Consumer;
import java.util.function.IntConsumer;
import java.util.function.Supplier;

/**
 * Arguments of any type for one call: mostly of sizes that fit each other, now and then of none
 * that fits anything.
 */
final class Arguments {
  private static final int[] SIZES = {0, 1, 1, 2, 3, 4, 5, 7, 8, 8, 13, 16, 17, 32, 40, 64, 67};
  private static final int[] EDGES = {
    -1, -2, Integer.MIN_VALUE, Integer.MAX_VALUE, 1 << 30, (1 << 30) + 1, 1 << 16, -(1 << 30)
  };
  private static final int DEEPEST = 4;
  private static final Workers ALONE = Workers.of(1);
  private static final Workers PAIR = Workers.of(2);

  final Random random;
  private final int[] dims = new int[4];
  private final List<Executable> makers;
  private final Memories memories;
  private final Tensors tensors;
  private int depth;

  /**
   * @param makers what makes objects of this project: constructors and static factories
   */
  Arguments(Random random, List<Executable> makers, Memories memories) {
    this.random = random;
    this.makers = makers;
    this.memories = memories;
    this.tensors = new Tensors(this);
    for (int i = 0; i < dims.length; i++) {
      dims[i] = SIZES[random.nextInt(SIZES.length)];
    }
  }

  Memories memories() {
    return memories;
  }

  boolean chance(int percent) {
    return random.nextInt(100) < percent;
  }

  /** A small size, mostly one of this call's own. */
  int size() {
    return chance(85) ? dims[random.nextInt(dims.length)] : SIZES[random.nextInt(SIZES.length)];
  }

  private int positive() {
    return Math.max(1, size());
  }

  int integer() {
    if (chance(92)) {
      return size();
    }
    return chance(50) ? EDGES[random.nextInt(EDGES.length)] : random.nextInt(-3, 300);
  }

  private long whole() {
    if (chance(85)) {
      return size();
    }
    return switch (random.nextInt(6)) {
      case 0 -> Long.MAX_VALUE;
      case 1 -> Long.MIN_VALUE;
      case 2 -> 1L << (40 + random.nextInt(23));
      case 3 -> -random.nextInt(10);
      case 4 -> integer();
      default -> 1L << random.nextInt(12);
    };
  }

  double real() {
    if (chance(90)) {
      return random.nextInt(8) == 0 ? 0 : random.nextGaussian();
    }
    double[] odd = {
      Double.NaN, Double.POSITIVE_INFINITY, Double.NEGATIVE_INFINITY, 1e300, -1e38, 1e-320, -0.0
    };
    return odd[random.nextInt(odd.length)];
  }

  /** How many values an array or a piece of memory has: often a product of this call's sizes. */
  int length() {
    int a = size();
    int b = size();
    return switch (random.nextInt(6)) {
      case 0 -> a;
      case 1, 2 -> a * b;
      case 3 -> Math.min(a * b * size(), 1 << 15);
      case 4 -> Math.max(0, a * b + random.nextInt(-2, 3));
      default -> random.nextInt(3000);
    };
  }

  /** An argument; null now and then. */
  Object of(Class<?> type) {
    if (type.isPrimitive()) {
      return primitive(type);
    }
    if (chance(3)) {
      return null;
    }
    if (type == MemorySegment.class) {
      return memories.segment(this);
    }
    if (type == Arena.class) {
      return memories.arena(this);
    }
    if (type != Object.class && type.isAssignableFrom(Tensor.class)) {
      return tensors.next();
    }
    if (type == Device.class) {
      return chance(95) ? Device.CPU : Device.cuda(random.nextInt(3));
    }
    if (type == String.class) {
      return chance(50) ? "cpu" : "f" + integer();
    }
    if (type.isEnum()) {
      return type.getEnumConstants()[random.nextInt(type.getEnumConstants().length)];
    }
    if (type.isArray()) {
      return array(type.getComponentType());
    }
    if (type == List.class) {
      List<Object> list = new ArrayList<>();
      for (int i = random.nextInt(5); i > 0; i--) {
        list.add(tensors.next());
      }
      return list;
    }
    Object known = known(type);
    return known != null ? known : made(type);
  }

  private Object primitive(Class<?> type) {
    if (type == int.class) {
      return integer();
    }
    if (type == long.class) {
      return whole();
    }
    if (type == boolean.class) {
      return random.nextBoolean();
    }
    return type == float.class ? (Object) (float) real() : real();
  }

  private Object array(Class<?> element) {
    int length = element.isPrimitive() ? length() : random.nextInt(4);
    if (element == long.class) {
      length = Math.min(length, random.nextInt(7));
    }
    Object array = Array.newInstance(element, length);
    boolean tame = chance(80);
    for (int i = 0; i < length; i++) {
      Object value =
          tame && element == int.class
              ? random.nextInt(Math.max(1, size()))
              : tame && element == float.class
                  ? (Object) (float) random.nextGaussian()
                  : of(element);
      Array.set(array, i, value);
    }
    if (array instanceof long[] shape) {
      shorten(shape);
    }
    return array;
  }

  /** A shape that memory holds may still take longer to fill than a call has. */
  private static void shorten(long[] shape) {
    for (int i = 0; i < shape.length; i++) {
      double elements = Arrays.stream(shape).asDoubleStream().reduce(1, (a, b) -> a * Math.abs(b));
      if (elements > 1L << 24 && elements < 1L << 40) {
        shape[i] = 1;
      }
    }
  }

  private Object known(Class<?> type) {
    if (type == Workers.class) {
      return chance(70) ? ALONE : PAIR;
    }
    if (type == StridedProduct.class) {
      return product();
    }
    if (type == IntConsumer.class) {
      return (IntConsumer)
          i -> {
            if (i > 1000) {
              throw new IllegalStateException("a task that fails");
            }
          };
    }
    if (type == Supplier.class) {
      return (Supplier<Object>) Object::new;
    }
    if (type == Consumer.class) {
      return (Consumer<Object>) this::use;
    }
    if (chance(15)) {
      return null;
    }
    if (type == AttentionHeads.class) {
      return heads();
    }
    if (type == Attention.Batch.class) {
      return batch();
    }
    if (type == EncoderWeights.class) {
      return weights();
    }
    if (type == RowNorm.class) {
      return new RowNorm(new float[positive()], null, 1e-5f);
    }
    if (type == RowLogLoss.Head.class) {
      int classes = positive();
      int in = positive();
      return new RowLogLoss.Head(memories.floats(this, classes * in), classes, in, 0);
    }
    if (type == TopKEncoder.class) {
      TopKEncoder encoder = new TopKEncoder(ALONE);
      encoder.prepare(weights());
      return encoder;
    }
    return null;
  }

  /** Calls whatever it is given a few times, as code of a caller's would. */
  private void use(Object given) {
    for (Method method : given.getClass().getMethods()) {
      if (method.getDeclaringClass() != Object.class && depth < DEEPEST) {
        invoke(method, given, arguments(method));
      }
    }
  }

  private StridedProduct product() {
    boolean throwing = chance(20);
    boolean closing = chance(20);
    return (x, xStride, rows, depth, w, wStride, transposed, columns, y, yStride) -> {
      if (throwing) {
        throw new IllegalStateException("a product that fails");
      }
      if (closing) {
        memories.tryClose();
      }
      for (int i = 0; i < rows; i++) {
        for (int j = 0; j < columns; j++) {
          float sum = 0;
          for (int t = 0; t < depth; t++) {
            long at = transposed ? (long) j * wStride + t : (long) t * wStride + j;
            sum += Memories.get(x, (long) i * xStride + t) * Memories.get(w, at);
          }
          Memories.set(y, (long) i * yStride + j, sum);
        }
      }
    };
  }

  private AttentionHeads heads() {
    int groups = 1 + random.nextInt(3);
    int heads = groups * (1 + random.nextInt(3));
    int dim = positive();
    int width = (heads + 2 * groups) * dim;
    int[] n = {heads, groups, dim, width, 0, dim, heads * dim, dim, (heads + groups) * dim, dim};
    if (chance(30)) {
      n[random.nextInt(n.length)] = integer();
    }
    AttentionHeads.Rule rule =
        new AttentionHeads.Rule(random.nextBoolean(), chance(70) ? 0 : size(), 0.3f, size());
    float[] norm = chance(50) ? null : new float[dim];
    return new AttentionHeads(
        n[0], n[1], n[2], n[3], n[4], n[5], n[6], n[7], n[8], n[9], norm, norm, 1e-5f, rule);
  }

  private Attention.Batch batch() {
    int length = positive();
    int[] lengths = new int[1 + random.nextInt(3)];
    for (int i = 0; i < lengths.length; i++) {
      lengths[i] = 1 + random.nextInt(length);
    }
    int capacity = length + (chance(50) ? 0 : size());
    return new Attention.Batch(
        lengths.length, capacity, chance(50) ? 0 : random.nextInt(length), length, lengths);
  }

  private EncoderWeights weights() {
    int features = positive();
    int width = positive();
    float[] ranks = new float[features];
    java.util.Arrays.fill(ranks, 1);
    MemorySegment rows = memories.floats(this, features * width);
    return new EncoderWeights(rows, new float[features], ranks, features, width);
  }

  /** An object from one of the project's own constructors or factories. */
  private Object made(Class<?> type) {
    if (depth >= DEEPEST) {
      return null;
    }
    List<Executable> fitting = new ArrayList<>();
    for (Executable maker : makers) {
      Class<?> result =
          maker instanceof Method method ? method.getReturnType() : maker.getDeclaringClass();
      if (type.isAssignableFrom(result)) {
        fitting.add(maker);
      }
    }
    for (int attempt = 0; attempt < 20 && !fitting.isEmpty(); attempt++) {
      Executable maker = fitting.get(random.nextInt(fitting.size()));
      Object made = invoke(maker, null, arguments(maker));
      if (made != null && !(made instanceof Throwable)) {
        return made;
      }
    }
    return null;
  }

  Object[] arguments(Executable executable) {
    depth++;
    try {
      Class<?>[] types = executable.getParameterTypes();
      Object[] arguments = new Object[types.length];
      for (int i = 0; i < types.length; i++) {
        arguments[i] = of(types[i]);
      }
      return arguments;
    } finally {
      depth--;
    }
  }

  /** Calls; what is thrown is the result. */
  static Object invoke(Executable executable, Object target, Object[] arguments) {
    try {
      if (executable instanceof Constructor<?> constructor) {
        return constructor.newInstance(arguments);
      }
      return ((Method) executable).invoke(target, arguments);
    } catch (InvocationTargetException e) {
      return e.getCause();
    } catch (ReflectiveOperationException | IllegalArgumentException e) {
      return e;
    }
  }

  static boolean isStatic(Executable executable) {
    return executable instanceof Constructor<?> || Modifier.isStatic(executable.getModifiers());
  }
}
