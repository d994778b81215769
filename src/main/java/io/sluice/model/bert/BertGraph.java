package io.sluice.model.bert;

import io.sluice.files.Quoted;
import io.sluice.model.parts.MlpActivation;
import io.sluice.weights.OnnxFile;
import io.sluice.weights.OnnxNode;
import java.io.IOException;
import java.util.List;

/**
 * The graph of a BERT encoder, followed from each layer's last normalisation back to the
 * embeddings: every operation between them, its attributes and its constants must be those that
 * {@link Encoder} computes. This also finds the matrices, heads, epsilon and activation function,
 * whatever names the exporter gave them.
 */
final class BertGraph {
  /** Half of the largest difference between GELU and its approximation. */
  private static final double ALIKE = 2.3e-4;

  private final OnnxFile file;
  private final OnnxGraph graph;
  private final String prefix;
  private final BertMatrices matrices;
  private final BertAttentionGraph attention;
  private int layers;
  private double epsilon = Double.NaN;
  private MlpActivation activation;

  /** A normalisation: what it reads and what it makes. */
  private record Normalised(String input, String output) {}

  /** The sum of what a projection makes and what goes past it. */
  private record Residual(String projected, String past) {}

  /**
   * Follows a graph.
   *
   * @param prefix what stands before the names of the encoder's parameters
   * @throws IOException if it is not that of a BERT encoder; the message names the operation
   */
  BertGraph(OnnxFile file, String prefix) throws IOException {
    this.file = file;
    this.graph = new OnnxGraph(file);
    this.prefix = prefix;
    this.matrices = new BertMatrices(file, graph, prefix);
    this.attention = new BertAttentionGraph(graph, matrices);
    Normalised embedded = norm("embeddings.LayerNorm");
    BertEmbeddingsGraph.check(graph, prefix, embedded.input);
    String hidden = embedded.output;
    while (file.contains(prefix + "encoder.layer." + layers + ".output.LayerNorm.bias")) {
      hidden = layer("encoder.layer." + layers, hidden);
      layers++;
    }
    if (layers == 0) {
      throw graph.wrong("there is no layer");
    }
  }

  int layers() {
    return layers;
  }

  long headDim() {
    return attention.headDim();
  }

  double epsilon() {
    return epsilon;
  }

  MlpActivation activation() {
    return activation;
  }

  /** The matrices of the modules. */
  BertMatrices matrices() {
    return matrices;
  }

  private String layer(String name, String hidden) throws IOException {
    Normalised after = norm(name + ".output.LayerNorm");
    Normalised between = norm(name + ".attention.output.LayerNorm");
    Residual mlp = residual(after.input, name + ".output.dense");
    graph.same(mlp.past, between.output, name + ".output.dense");
    String inner = activated(mlp.projected, name + ".intermediate.dense");
    graph.same(inner, between.output, name + ".intermediate.dense");
    Residual attention = residual(between.input, name + ".attention.output.dense");
    graph.same(attention.past, hidden, name + ".attention.output.dense");
    this.attention.check(attention.projected, name + ".attention.self.", hidden);
    return after.output;
  }

  /** A normalisation, found by its bias: one operation, or spelled out. */
  private Normalised norm(String module) throws IOException {
    String bias = prefix + module + ".bias";
    String weight = prefix + module + ".weight";
    OnnxNode last = graph.reader(bias);
    if (last == null) {
      throw graph.wrong("nothing reads " + Quoted.of(bias));
    }
    if (last.operator().equals("LayerNormalization")) {
      if (last.inputs().size() != 3
          || !last.inputs().subList(1, 3).equals(List.of(weight, bias))
          || OnnxGraph.attribute(last, "axis", -1) != -1) {
        throw graph.wrong(last, "does not normalise the last dimension with " + module);
      }
      takeEpsilon(last, last.numbers().getOrDefault("epsilon", 1e-5f).doubleValue());
      return new Normalised(last.inputs().getFirst(), graph.output(last));
    }
    OnnxNode divided = graph.maker(graph.other(graph.expect(last, "Add"), bias), "Mul");
    OnnxNode quotient = graph.maker(graph.other(divided, weight), "Div");
    OnnxNode centred = graph.maker(quotient.inputs().getFirst(), "Sub");
    String input = centred.inputs().getFirst();
    OnnxNode mean = mean(centred.inputs().get(1));
    graph.same(mean.inputs().getFirst(), input, module);
    OnnxNode sum =
        graph.maker(graph.maker(quotient.inputs().get(1), "Sqrt").inputs().getFirst(), "Add");
    int constant = graph.isConstant(sum.inputs().get(1)) ? 1 : 0;
    takeEpsilon(sum, graph.number(sum.inputs().get(constant)));
    OnnxNode square = graph.maker(mean(sum.inputs().get(1 - constant)).inputs().getFirst());
    boolean isSquare =
        square != null
            && square.inputs().size() == 2
            && (square.operator().equals("Pow") && graph.number(square.inputs().get(1)) == 2
                || square.operator().equals("Mul")
                    && square.inputs().get(0).equals(square.inputs().get(1)));
    if (!isSquare) {
      throw graph.wrong(sum, "does not come from a mean of squares");
    }
    OnnxNode again = graph.maker(square.inputs().getFirst(), "Sub");
    graph.same(again.inputs().getFirst(), input, module);
    graph.same(mean(again.inputs().get(1)).inputs().getFirst(), input, module);
    return new Normalised(input, graph.output(last));
  }

  /** A mean over the last dimension. */
  private OnnxNode mean(String value) throws IOException {
    OnnxNode mean = graph.maker(value, "ReduceMean");
    List<Long> axes = mean.lists().get("axes");
    long[] given = mean.inputs().size() > 1 ? graph.integers(mean.inputs().get(1)) : new long[0];
    boolean last = axes == null ? given.length == 1 && given[0] == -1 : axes.equals(List.of(-1L));
    if (!last || OnnxGraph.attribute(mean, "keepdims", 1) != 1) {
      throw graph.wrong(mean, "is not over the last dimension");
    }
    return mean;
  }

  private void takeEpsilon(OnnxNode node, double found) throws IOException {
    if (!(found >= 0 && found < 1) || !Double.isNaN(epsilon) && epsilon != found) {
      throw graph.wrong(
          node, "has the epsilon " + found + (Double.isNaN(epsilon) ? "" : ", others " + epsilon));
    }
    epsilon = found;
  }

  private Residual residual(String value, String module) throws IOException {
    OnnxNode sum = graph.maker(value, "Add");
    for (int i = 0; i < 2; i++) {
      OnnxNode maker = graph.maker(sum.inputs().get(i));
      if (maker != null && maker.inputs().contains(prefix + module + ".bias")) {
        return new Residual(matrices.linear(sum.inputs().get(i), module), sum.inputs().get(1 - i));
      }
    }
    throw graph.wrong(sum, "does not add what " + module + " makes");
  }

  /** The activation function between two projections; gives what the first of them reads. */
  private String activated(String value, String module) throws IOException {
    OnnxNode sum = graph.reader(prefix + module + ".bias");
    if (sum == null) {
      throw graph.wrong("nothing reads " + Quoted.of(prefix + module + ".bias"));
    }
    String input = graph.output(graph.expect(sum, "Add"));
    MlpActivation found = null;
    double nearest = ALIKE;
    for (MlpActivation candidate : MlpActivation.values()) {
      double farthest = 0;
      for (double x = -3; x <= 3; x += 0.375) {
        double y = OnnxFunction.apply(graph, input, value, x);
        farthest = Math.max(farthest, Double.isNaN(y) ? 1 : Math.abs(y - candidate.of(x)));
      }
      if (farthest < nearest) {
        nearest = farthest;
        found = candidate;
      }
    }
    if (found == null || activation != null && activation != found) {
      OnnxNode last = graph.maker(value);
      throw last == null
          ? graph.wrong("the MLP reads an input")
          : graph.wrong(
              last,
              found == null
                  ? "ends no activation function that Sluice knows"
                  : "ends another activation function than that of the layers before");
    }
    activation = found;
    return matrices.linear(input, module);
  }
}
