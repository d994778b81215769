package io.sluice.model.bert;

import io.sluice.weights.OnnxNode;
import java.io.IOException;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Set;

/** The embeddings in the graph of a BERT encoder: of tokens, of positions, of a single type. */
final class BertEmbeddingsGraph {
  /** More operations than there are between a list of positions and its use. */
  private static final int LONGEST = 32;

  private BertEmbeddingsGraph() {}

  /** The sum of three embeddings, positions counted from 0. */
  static void check(OnnxGraph graph, String prefix, String value) throws IOException {
    Set<String> found = new HashSet<>();
    List<String> open = new ArrayList<>(List.of(value));
    while (!open.isEmpty()) {
      OnnxNode node = graph.maker(open.removeLast());
      if (node != null && node.operator().equals("Add") && found.size() + open.size() < 4) {
        open.addAll(node.inputs());
        continue;
      }
      if (node == null
          || !node.operator().equals("Gather")
          || node.inputs().size() != 2
          || OnnxGraph.attribute(node, "axis", 0) != 0
          || !found.add(graph.source(node.inputs().getFirst()))) {
        throw node == null
            ? graph.wrong("the embeddings are not a sum of three")
            : graph.wrong(node, "adds to the embeddings, which are a sum of three");
      }
      String table = graph.source(node.inputs().getFirst());
      if (table.endsWith("position_embeddings.weight")) {
        requireCounted(graph, node, 1);
      } else if (table.endsWith("token_type_embeddings.weight")) {
        requireCounted(graph, node, 0);
      }
    }
    for (String name : List.of("word", "position", "token_type")) {
      if (!found.remove(prefix + "embeddings." + name + "_embeddings.weight")) {
        throw graph.wrong("the " + name.replace('_', ' ') + " embedding is not added");
      }
    }
  }

  /** The indices of a table are an input, or count on from 0 in steps of {@code step}. */
  private static void requireCounted(OnnxGraph graph, OnnxNode gather, long step)
      throws IOException {
    String value = gather.inputs().get(1);
    OnnxNode node = graph.maker(value);
    for (int i = 0; node != null && !graph.isConstant(value); i++) {
      if (node.inputs().isEmpty() || i == LONGEST) {
        throw graph.wrong(
            node, "computes positions or token types in a way that Sluice cannot check");
      }
      switch (node.operator()) {
        case "Cast", "Expand", "Unsqueeze", "Squeeze", "Reshape" -> {}
        case "GatherElements" -> {
          if (step != 0) {
            throw graph.wrong(node, "computes positions in a way that Sluice cannot check");
          }
        }
        case "Slice" -> {
          boolean fromFirst =
              node.inputs().size() > 2
                  && OnnxFunction.number(graph, node.inputs().get(1), Double.NaN) == 0;
          if (!fromFirst) {
            throw graph.wrong(node, "selects positions or token types that do not start at 0");
          }
        }
        default ->
            throw graph.wrong(
                node, "computes positions or token types in a way that Sluice cannot check");
      }
      value = node.inputs().getFirst();
      node = graph.maker(value);
    }
    if (graph.isConstant(value)) {
      long[] indices = graph.integers(value, Long.MAX_VALUE);
      for (int i = 0; i < indices.length; i++) {
        if (indices[i] != i * step) {
          throw graph.wrong(gather, "does not count positions, or types, from 0");
        }
      }
      if (indices.length == 0) {
        throw graph.wrong(gather, "has positions or types that are not whole numbers");
      }
    }
  }
}
