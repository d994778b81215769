package io.sluice.model.bert;

import io.sluice.weights.OnnxNode;
import java.io.IOException;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Set;

/**
 * Attention in the graph of a BERT encoder: how queries, keys and values are split into heads,
 * their order, the scale of the scores, the softmax, and that nothing is masked but padding.
 */
final class BertAttentionGraph {
  private static final List<Long> HEADS_FIRST = List.of(0L, 2L, 1L, 3L);

  /** What masks of padding are made with; a mask that looks at positions needs others. */
  private static final Set<String> MASKING =
      Set.of(
          "Add",
          "And",
          "Cast",
          "Concat",
          "Constant",
          "ConstantOfShape",
          "Equal",
          "Expand",
          "Flatten",
          "Gather",
          "GreaterOrEqual",
          "Identity",
          "Less",
          "Mul",
          "Not",
          "Range",
          "Reshape",
          "ScatterND",
          "Shape",
          "Slice",
          "Squeeze",
          "Sub",
          "Unsqueeze",
          "Where");

  private static final int MOST_FACTORS = 8;

  private final OnnxGraph graph;
  private final BertMatrices matrices;
  private final Set<String> masks = new HashSet<>();
  private long headDim;

  BertAttentionGraph(OnnxGraph graph, BertMatrices matrices) {
    this.graph = graph;
    this.matrices = matrices;
  }

  /** A value and the factors that it was multiplied by. */
  private record Scaled(String value, List<Factor> factors) {}

  private record Factor(String number, boolean divides) {}

  /** The width of a head, once a layer was followed; 0 before. */
  long headDim() {
    return headDim;
  }

  /**
   * Checks the attention of one layer.
   *
   * @param value what goes into the projection after it
   * @param module what stands before the names of its own projections
   * @param hidden what they must read
   */
  void check(String value, String module, String hidden) throws IOException {
    OnnxNode joined = graph.maker(value, "Reshape");
    long[] sizes = graph.shape(joined.inputs().get(1));
    if (sizes.length != 3) {
      throw graph.wrong(joined, "does not join the heads");
    }
    OnnxNode order = transpose(joined.inputs().getFirst());
    OnnxNode mixed = graph.maker(split(order.inputs().getFirst()), "MatMul");
    head(transpose(mixed.inputs().get(1)).inputs().getFirst(), module + "value", hidden);
    OnnxNode softmax = graph.maker(mixed.inputs().getFirst());
    if (softmax != null && softmax.operator().equals("Where") && softmax.inputs().size() == 3) {
      // Rows that attend to no token are NaN and become 0; only padding has such rows.
      OnnxNode condition = graph.maker(softmax.inputs().getFirst(), "IsNaN");
      graph.same(condition.inputs().getFirst(), softmax.inputs().get(2), module + "softmax");
      softmax = graph.maker(softmax.inputs().get(2), "Softmax");
    }
    if (softmax == null
        || !softmax.operator().equals("Softmax")
        || !Set.of(-1L, 3L).contains(OnnxGraph.attribute(softmax, "axis", 1))) {
      throw graph.wrong("the scores of " + module + "query are not those of a softmax over keys");
    }
    scores(softmax.inputs().getFirst(), module, hidden);
  }

  /** A value before a reshape to the sizes that it has, which some exporters leave. */
  private String split(String value) throws IOException {
    OnnxNode node = graph.maker(value);
    if (node == null || !node.operator().equals("Reshape") || node.inputs().size() < 2) {
      return value;
    }
    OnnxNode shape = graph.maker(node.inputs().get(1), "Concat");
    for (int i = 0; i < shape.inputs().size(); i++) {
      String part = shape.inputs().get(i);
      OnnxNode size = graph.maker(part);
      if (size != null && OnnxGraph.isUnsqueeze(size)) {
        size = graph.maker(size.inputs().getFirst());
      }
      boolean isOwn =
          size != null
              && size.operator().equals("Gather")
              && size.inputs().size() == 2
              && graph.number(size.inputs().get(1)) == i;
      if (shape.inputs().size() != 4 || graph.number(part) != -1 && !isOwn) {
        throw graph.wrong(node, "gives the heads another shape");
      }
    }
    return node.inputs().getFirst();
  }

  private void scores(String value, String module, String hidden) throws IOException {
    OnnxNode sum = graph.maker(value);
    String scaled = value;
    if (sum != null && sum.operator().equals("Add")) {
      int mask = isProduct(sum.inputs().get(0)) ? 1 : 0;
      mask(sum.inputs().get(mask));
      scaled = sum.inputs().get(1 - mask);
    }
    Scaled product = scaled(scaled);
    OnnxNode scores = graph.maker(product.value, "MatMul");
    Scaled query = scaled(scores.inputs().get(0));
    Scaled key = scaled(scores.inputs().get(1));
    head(transpose(query.value).inputs().getFirst(), module + "query", hidden);
    OnnxNode transpose = graph.maker(key.value, "Transpose");
    String keys = transpose.inputs().getFirst();
    if (List.of(0L, 1L, 3L, 2L).equals(transpose.lists().get("perm"))) {
      Scaled inner = scaled(keys);
      key = new Scaled(inner.value, append(key.factors, inner.factors));
      keys = transpose(inner.value).inputs().getFirst();
    } else if (!List.of(0L, 2L, 3L, 1L).equals(transpose.lists().get("perm"))) {
      throw graph.wrong(transpose, "exchanges other dimensions than attention does");
    }
    head(keys, module + "key", hidden);
    double scale = number(product.factors) * number(query.factors) * number(key.factors);
    if (!(Math.abs(scale * Math.sqrt(headDim) - 1) < 1e-3)) {
      throw graph.wrong(
          scores, "is scaled by " + scale + ", not by 1 by the root of heads of " + headDim);
    }
  }

  private static List<Factor> append(List<Factor> some, List<Factor> others) {
    List<Factor> all = new ArrayList<>(some);
    all.addAll(others);
    return all;
  }

  /** Takes factors off a value; one is whatever comes not from a product, sum or order. */
  private Scaled scaled(String value) {
    List<Factor> factors = new ArrayList<>();
    String inner = value;
    OnnxNode node = graph.maker(inner);
    while (node != null && node.inputs().size() == 2 && factors.size() < MOST_FACTORS) {
      boolean divides = node.operator().equals("Div");
      int number = isTensor(node.inputs().get(0), 0) ? 1 : 0;
      if (!divides && !node.operator().equals("Mul") || divides && number == 0) {
        break;
      }
      factors.add(new Factor(node.inputs().get(number), divides));
      inner = node.inputs().get(1 - number);
      node = graph.maker(inner);
    }
    return new Scaled(inner, factors);
  }

  /** Whether a value comes from a product or an order of dimensions, through factors alone. */
  private boolean isTensor(String value, int depth) {
    OnnxNode maker = graph.maker(value);
    return maker != null
        && switch (maker.operator()) {
          case "MatMul", "Transpose" -> true;
          case "Mul", "Div" ->
              depth < MOST_FACTORS
                  && maker.inputs().size() == 2
                  && (isTensor(maker.inputs().getFirst(), depth + 1)
                      || isTensor(maker.inputs().getLast(), depth + 1));
          default -> false;
        };
  }

  private boolean isProduct(String value) {
    OnnxNode maker = graph.maker(scaled(value).value);
    return maker != null && maker.operator().equals("MatMul");
  }

  private double number(List<Factor> factors) {
    double product = 1;
    for (Factor factor : factors) {
      double number = OnnxFunction.number(graph, factor.number, headDim);
      product = factor.divides ? product / number : product * number;
    }
    return product;
  }

  /** One projection split into heads, {@code [batch, length, heads, headDim]}. */
  private void head(String value, String module, String hidden) throws IOException {
    OnnxNode split = graph.maker(value, "Reshape");
    graph.same(matrices.linear(split.inputs().getFirst(), module), hidden, module);
    long[] sizes = split.inputs().size() < 2 ? new long[0] : graph.shape(split.inputs().get(1));
    long width = matrices.width(module);
    long last = sizes.length == 4 ? sizes[3] : 0;
    boolean fits =
        last > 0
            && width % last == 0
            && (sizes[2] <= 0 || sizes[2] == width / last)
            && (headDim == 0 || headDim == last);
    if (!fits) {
      throw graph.wrong(
          split,
          "does not split " + module + " into heads as the others are, or not by a constant");
    }
    headDim = last;
  }

  private OnnxNode transpose(String value) throws IOException {
    OnnxNode node = graph.maker(value, "Transpose");
    if (!HEADS_FIRST.equals(node.lists().get("perm"))) {
      throw graph.wrong(node, "exchanges other dimensions than attention does");
    }
    return node;
  }

  /** Padding may be masked, but nothing that depends on the distance of two tokens. */
  private void mask(String value) throws IOException {
    List<String> open = new ArrayList<>(List.of(value));
    while (!open.isEmpty()) {
      String next = open.removeLast();
      OnnxNode node = graph.maker(next);
      if (!masks.add(next) || node == null) {
        continue;
      }
      boolean compares =
          Set.of("GreaterOrEqual", "Less").contains(node.operator())
              && node.inputs().stream().noneMatch(graph::isConstant);
      if (!MASKING.contains(node.operator()) || compares) {
        throw graph.wrong(node, "is part of an attention mask that is not a padding mask");
      }
      if (!node.operator().equals("Shape")) {
        open.addAll(node.inputs());
      }
    }
  }
}
