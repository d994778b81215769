package io.sluice.model.bert;

import io.sluice.weights.OnnxFile;
import io.sluice.weights.OnnxNode;
import java.io.IOException;
import java.util.HashMap;
import java.util.List;
import java.util.Map;

/**
 * The matrices of the projections in the graph of a BERT encoder. Biases keep PyTorch's names;
 * matrices are found as the constants that what the bias is added to was multiplied by.
 */
final class BertMatrices {
  private final OnnxFile file;
  private final OnnxGraph graph;
  private final String prefix;
  private final Map<String, Matrix> matrices = new HashMap<>();

  BertMatrices(OnnxFile file, OnnxGraph graph, String prefix) {
    this.file = file;
    this.graph = graph;
    this.prefix = prefix;
  }

  /**
   * What a module multiplies by.
   *
   * @param name of the initialiser
   * @param outFirst whether it is {@code [out, in]}, as PyTorch has it; else {@code [in, out]}
   */
  record Matrix(String name, boolean outFirst) {}

  /** The matrix of a module that was followed; null for others. */
  Matrix of(String module) {
    return matrices.get(module);
  }

  /** The name of a module's bias. */
  String bias(String module) {
    return prefix + module + ".bias";
  }

  /** How many numbers a module makes of each row; 0 if it has no bias. */
  long width(String module) {
    return file.contains(bias(module)) ? file.info(bias(module)).elements() : 0;
  }

  /** A product and a bias; gives what is multiplied, and keeps the name of the matrix. */
  String linear(String value, String module) throws IOException {
    OnnxNode product = graph.maker(graph.other(graph.maker(value, "Add"), bias(module)), "MatMul");
    String matrix = graph.source(product.inputs().get(1));
    OnnxNode transpose = graph.maker(matrix);
    boolean isTransposed =
        transpose != null
            && transpose.operator().equals("Transpose")
            && List.of(1L, 0L).equals(transpose.lists().get("perm"));
    if (isTransposed) {
      matrix = graph.source(transpose.inputs().getFirst());
    }
    if (!file.contains(matrix)) {
      throw graph.wrong(product, "multiplies by no constant");
    }
    matrices.put(module, new Matrix(matrix, isTransposed));
    return product.inputs().getFirst();
  }
}
