package io.sluice.model.bert;

import io.sluice.files.Quoted;
import io.sluice.memory.DType;
import io.sluice.weights.OnnxFile;
import io.sluice.weights.OnnxNode;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.stream.LongStream;

/** The operations of an ONNX file by the values that they make and read. */
final class OnnxGraph {
  /** ONNX's numbers of float32, float16, float64 and bfloat16. */
  private static final Set<Long> FLOATS = Set.of(1L, 10L, 11L, 16L);

  /** No shape has more sizes. */
  private static final int MOST_SIZES = 64;

  /** How many inputs the operations have that are followed; others have one at least. */
  private static final Map<String, Integer> INPUTS =
      Map.of(
          "Add",
          2,
          "Sub",
          2,
          "Mul",
          2,
          "Div",
          2,
          "Pow",
          2,
          "MatMul",
          2,
          "Gather",
          2,
          "Reshape",
          2,
          "Where",
          3,
          "Constant",
          0);

  private final OnnxFile file;
  private final Map<String, OnnxNode> makers = new HashMap<>();
  private final Map<String, OnnxNode> readers = new HashMap<>();
  private final Map<String, String> sources = new HashMap<>();

  /**
   * Indexes a graph.
   *
   * @throws IOException if two operations make one value, or one lacks an input
   */
  OnnxGraph(OnnxFile file) throws IOException {
    this.file = file;
    for (OnnxNode node : file.nodes()) {
      int least = INPUTS.getOrDefault(node.operator(), 1);
      if (node.inputs().size() < least) {
        throw wrong(node, "has %d inputs and needs %d".formatted(node.inputs().size(), least));
      }
      for (String output : node.outputs()) {
        if (!output.isEmpty() && makers.put(output, node) != null) {
          throw wrong(node, "has an output that another operation also has");
        }
      }
      for (String input : node.inputs()) {
        readers.putIfAbsent(input, node);
      }
    }
  }

  /** The operation that makes a value, past those that leave it as it is; null for none. */
  OnnxNode maker(String value) {
    OnnxNode node = makers.get(source(value));
    return node == null || node.operator().equals("Constant") ? null : node;
  }

  /** A value under the name that it has before operations that leave it as it is. */
  String source(String value) {
    List<String> passed = new ArrayList<>();
    String name = value;
    String known = sources.get(name);
    OnnxNode node = makers.get(name);
    // A damaged graph may contain a cycle, so the number of steps is limited to that of its
    // operations.
    while (known == null && node != null && isPlain(node) && passed.size() <= makers.size()) {
      passed.add(name);
      name = node.inputs().getFirst();
      known = sources.get(name);
      node = makers.get(name);
    }
    String source = known == null ? name : known;
    for (String each : passed) {
      sources.put(each, source);
    }
    return source;
  }

  private static boolean isPlain(OnnxNode node) {
    return !node.inputs().isEmpty()
        && switch (node.operator()) {
          case "Identity" -> true;
          case "Dropout" -> node.inputs().size() < 3;
          case "Cast" -> FLOATS.contains(attribute(node, "to", 0));
          default -> false;
        };
  }

  /** The first operation that reads a value, or null. */
  OnnxNode reader(String value) {
    return readers.get(value);
  }

  /** Whether the file has a value, and no operation makes it from others. */
  boolean isConstant(String value) {
    return file.contains(source(value));
  }

  /** The only number of a constant; NaN if there are several, or it is none. */
  double number(String value) {
    String name = source(value);
    if (!file.contains(name) || file.info(name).elements() != 1) {
      return Double.NaN;
    }
    MemorySegment data = file.data(name);
    return switch (file.dtype(name)) {
      case F32 -> data.get(ValueLayout.JAVA_FLOAT, 0);
      case F64 -> data.get(ValueLayout.JAVA_DOUBLE, 0);
      case F16 -> Float.float16ToFloat(data.get(ValueLayout.JAVA_SHORT, 0));
      case BF16 -> Float.intBitsToFloat(data.get(ValueLayout.JAVA_SHORT, 0) << 16);
      case I64 -> data.get(ValueLayout.JAVA_LONG, 0);
      case I32 -> data.get(ValueLayout.JAVA_INT, 0);
      default -> Double.NaN;
    };
  }

  /** The few whole numbers of a constant; none if it has others, or more than a shape has. */
  long[] integers(String value) {
    return integers(value, MOST_SIZES);
  }

  /** The whole numbers of a constant; none if it has others, or more than {@code most}. */
  long[] integers(String value, long most) {
    String name = source(value);
    if (!file.contains(name)
        || file.dtype(name) != DType.I64
        || file.info(name).elements() > most) {
      return new long[0];
    }
    MemorySegment data = file.data(name);
    return LongStream.range(0, data.byteSize() / Long.BYTES)
        .map(i -> data.getAtIndex(ValueLayout.JAVA_LONG, i))
        .toArray();
  }

  /** A shape, which is a constant or joined of parts; 0 for each part that is not constant. */
  long[] shape(String value) {
    OnnxNode maker = maker(value);
    if (maker == null || !maker.operator().equals("Concat")) {
      return integers(value);
    }
    if (maker.inputs().size() > MOST_SIZES) {
      return new long[0];
    }
    List<Long> sizes = new ArrayList<>();
    for (String part : maker.inputs()) {
      long[] constant = integers(part);
      OnnxNode made = maker(part);
      if (constant.length == 0 && made != null && isUnsqueeze(made)) {
        constant = integers(made.inputs().getFirst());
      }
      if (constant.length == 0) {
        sizes.add(0L);
      }
      Arrays.stream(constant).forEach(sizes::add);
    }
    return sizes.stream().mapToLong(Long::longValue).toArray();
  }

  static boolean isUnsqueeze(OnnxNode node) {
    return node.operator().equals("Unsqueeze") && !node.inputs().isEmpty();
  }

  /** The first value that an operation makes. */
  String output(OnnxNode node) throws IOException {
    if (node.outputs().isEmpty()) {
      throw wrong(node, "has no output");
    }
    return node.outputs().getFirst();
  }

  /** The operation that makes a value, which must be this one. */
  OnnxNode maker(String value, String operator) throws IOException {
    OnnxNode node = maker(value);
    if (node == null) {
      throw wrong("a " + operator + " is missing before the value " + Quoted.of(value));
    }
    return expect(node, operator);
  }

  /** An operation that must be this one, with as many inputs as it needs. */
  OnnxNode expect(OnnxNode node, String operator) throws IOException {
    int least =
        switch (operator) {
          case "Transpose", "Sqrt", "Softmax", "ReduceMean", "IsNaN" -> 1;
          default -> 2;
        };
    if (!node.operator().equals(operator) || node.inputs().size() < least) {
      throw wrong(node, "stands where there is a " + operator + " in BERT");
    }
    return node;
  }

  /** The input of a sum or product that is not {@code known}. */
  String other(OnnxNode node, String known) throws IOException {
    int at = node.inputs().indexOf(known);
    if (at < 0 || node.inputs().size() != 2) {
      throw wrong(node, "does not read " + Quoted.of(known));
    }
    return node.inputs().get(1 - at);
  }

  /** Checks that two values are one. */
  void same(String value, String expected, String module) throws IOException {
    if (!source(value).equals(source(expected))) {
      throw wrong(
          "what goes into or past " + module + " is not what the operation before it makes");
    }
  }

  /** The whole number of an attribute, or {@code otherwise}. */
  static long attribute(OnnxNode node, String name, long otherwise) {
    return node.numbers().getOrDefault(name, otherwise).longValue();
  }

  /** What is wrong with an operation. */
  IOException wrong(OnnxNode node, String what) {
    return wrong(
        "the operation "
            + Quoted.of(node.name().isEmpty() ? String.join(", ", node.outputs()) : node.name())
            + " ("
            + Quoted.of(node.operator())
            + ") "
            + what);
  }

  /** What is wrong with the graph. */
  IOException wrong(String what) {
    return new IOException(
        file.path()
            + ": "
            + what
            + ", so the graph is not that of a plain BERT encoder; export the model with PyTorch's"
            + " ONNX exporter, neither quantised nor fused, or give its safetensors");
  }
}
