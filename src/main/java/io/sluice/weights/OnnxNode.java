package io.sluice.weights;

import java.util.List;
import java.util.Map;

/**
 * One operation in an ONNX graph.
 *
 * @param operator what it computes, for instance {@code MatMul}; operators of other domains are
 *     prefixed with them, as {@code com.microsoft.Gelu}
 * @param name its name; exporters derive it from the module's path, for instance {@code
 *     /encoder/layer.0/attention/self/query/MatMul}; may be empty
 * @param inputs names of the values it reads, in the operator's order; an omitted one is empty
 * @param outputs names of the values it writes
 * @param numbers its attributes that are single numbers: {@code Float} or {@code Long}
 * @param lists its attributes that are lists of whole numbers
 * @param texts its attributes that are texts
 */
public record OnnxNode(
    String operator,
    String name,
    List<String> inputs,
    List<String> outputs,
    Map<String, Number> numbers,
    Map<String, List<Long>> lists,
    Map<String, String> texts) {
  /** Copies the collections. */
  public OnnxNode {
    inputs = List.copyOf(inputs);
    outputs = List.copyOf(outputs);
    numbers = Map.copyOf(numbers);
    lists = Map.copyOf(lists);
    texts = Map.copyOf(texts);
  }
}
