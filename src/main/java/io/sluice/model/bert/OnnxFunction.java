package io.sluice.model.bert;

import io.sluice.model.parts.MlpActivation;
import io.sluice.weights.OnnxNode;
import java.util.HashMap;
import java.util.List;
import java.util.Map;

/**
 * The function of one number that element-wise operations between two values of a graph compute.
 * Exporters write activation functions and scales in many ways; they are recognised by their
 * results.
 */
final class OnnxFunction {
  /** Deeper than any function is spelled out. */
  private static final int DEEPEST = 64;

  /** More values than any function takes on the way. */
  private static final int MOST = 256;

  private final OnnxGraph graph;
  private final Map<String, Double> known = new HashMap<>();
  private final double headDim;

  private OnnxFunction(OnnxGraph graph, double headDim) {
    this.graph = graph;
    this.headDim = headDim;
  }

  /** The value {@code to} where {@code from} is {@code x}; NaN if it cannot be computed. */
  static double apply(OnnxGraph graph, String from, String to, double x) {
    OnnxFunction function = new OnnxFunction(graph, Double.NaN);
    function.known.put(graph.source(from), x);
    return function.value(to, 0);
  }

  /**
   * A number that does not depend on the inputs, or on the last size of queries and keys alone; NaN
   * if it cannot be computed.
   */
  static double number(OnnxGraph graph, String value, double headDim) {
    return new OnnxFunction(graph, headDim).value(value, 0);
  }

  private double value(String name, int depth) {
    String value = graph.source(name);
    Double found = known.get(value);
    if (found != null) {
      return found;
    }
    double result = depth > DEEPEST || known.size() > MOST ? Double.NaN : computed(value, depth);
    known.put(value, result);
    return result;
  }

  private double computed(String name, int depth) {
    if (graph.isConstant(name)) {
      return graph.number(name);
    }
    OnnxNode node = graph.maker(name);
    if (node == null || node.inputs().isEmpty()) {
      return Double.NaN;
    }
    List<String> in = node.inputs();
    if (node.operator().equals("Slice") || node.operator().equals("Gather")) {
      return lastSize(node);
    }
    double x = value(in.getFirst(), depth + 1);
    double y = in.size() == 2 ? value(in.get(1), depth + 1) : Double.NaN;
    return switch (node.operator()) {
      case "Add" -> x + y;
      case "Sub" -> x - y;
      case "Mul" -> x * y;
      case "Div" -> x / y;
      case "Pow" -> Math.pow(x, y);
      case "Sqrt" -> Math.sqrt(x);
      case "Reciprocal" -> 1 / x;
      case "Neg" -> -x;
      case "Tanh" -> Math.tanh(x);
      case "Erf" -> MlpActivation.erf(x);
      case "Relu" -> Math.max(0, x);
      case "Sigmoid" -> 1 / (1 + Math.exp(-x));
      case "Gelu" ->
          node.texts().getOrDefault("approximate", "none").equals("tanh")
              ? MlpActivation.GELU_TANH.of(x)
              : MlpActivation.GELU.of(x);
      case "Cast", "Unsqueeze", "Squeeze" -> x;
      default -> Double.NaN;
    };
  }

  /** The width of a head, where it is read off a tensor's shape. */
  private double lastSize(OnnxNode node) {
    OnnxNode shape = graph.maker(node.inputs().getFirst());
    boolean last = node.inputs().size() > 1 && graph.number(node.inputs().get(1)) == -1;
    return last && shape != null && shape.operator().equals("Shape") ? headDim : Double.NaN;
  }
}
