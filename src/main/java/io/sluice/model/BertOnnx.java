package io.sluice.model;

import io.sluice.torch.DType;
import io.sluice.torch.Tensor;
import io.sluice.weights.OnnxFile;
import io.sluice.weights.OnnxNode;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.LongStream;

/**
 * A BERT encoder that PyTorch exported to ONNX. Embeddings, biases and normalisations keep their
 * PyTorch names; the projections are folded into anonymous initialisers, {@code [in, out]}, found
 * as the second input of the {@code MatMul} that PyTorch named after the module. The sizes are read
 * off the graph.
 */
final class BertOnnx implements BertWeights {
  private static final String PROBE = "embeddings.word_embeddings.weight";
  private static final String QUERY = "/attention/self/query/MatMul";

  private final OnnxFile file;
  private final String namePrefix;
  private final String nodePrefix;
  private final Map<String, OnnxNode> nodes = new HashMap<>();
  private final BertConfig config;

  /**
   * Finds a BERT encoder in a graph.
   *
   * @throws IOException if there is none, or its sizes cannot be told
   */
  BertOnnx(OnnxFile file) throws IOException {
    this.file = file;
    for (OnnxNode node : file.nodes()) {
      nodes.put(node.name(), node);
    }
    this.namePrefix = before(file.names(), PROBE);
    this.nodePrefix = before(nodes.keySet(), "/encoder/layer.0" + QUERY);
    this.config = readConfig();
  }

  private String before(Iterable<String> names, String ending) throws IOException {
    for (String name : names) {
      if (name.endsWith(ending)) {
        return name.substring(0, name.length() - ending.length());
      }
    }
    throw new IOException(
        file.path()
            + ": has nothing named '…"
            + ending
            + "'; give an ONNX export of a BERT encoder that is neither quantised nor fused");
  }

  @Override
  public BertConfig config() {
    return config;
  }

  @Override
  public Tensor parameter(WeightLoader loader, String name, long... shape) throws IOException {
    return loader.load(namePrefix + name, shape);
  }

  @Override
  public Tensor projection(WeightLoader loader, String module, long out, long in)
      throws IOException {
    return loader.loadTransposed(matrix(module), out, in);
  }

  /** The name of the initialiser that a module multiplies by. */
  private String matrix(String module) throws IOException {
    String name = nodePrefix + "/" + path(module) + "/MatMul";
    OnnxNode node = nodes.get(name);
    if (node == null || node.inputs().size() != 2) {
      throw new IOException(
          file.path()
              + ": has no MatMul named '"
              + name
              + "'; give an ONNX export of a BERT encoder that is neither quantised nor fused");
    }
    return node.inputs().get(1);
  }

  /** {@code encoder.layer.0.output.dense} as a path; numbers stay with what they count. */
  private static String path(String module) {
    return module.replace('.', '/').replaceAll("/([0-9]+)/", ".$1/");
  }

  private BertConfig readConfig() throws IOException {
    int layers = 0;
    while (nodes.containsKey(nodePrefix + "/encoder/layer." + layers + QUERY)) {
      layers++;
    }
    long[] words = matrixShape(namePrefix + PROBE);
    long[] positions = matrixShape(namePrefix + "embeddings.position_embeddings.weight");
    long[] types = matrixShape(namePrefix + "embeddings.token_type_embeddings.weight");
    long[] inner = matrixShape(matrix("encoder.layer.0.intermediate.dense"));
    try {
      return new BertConfig(
          layers,
          Math.toIntExact(words[1]),
          heads(words[1]),
          Math.toIntExact(inner[1]),
          Math.toIntExact(words[0]),
          Math.toIntExact(positions[0]),
          Math.toIntExact(types[0]),
          epsilon(),
          activation());
    } catch (IllegalArgumentException | ArithmeticException e) {
      throw new IOException(
          file.path() + ": " + e.getMessage() + "; this is not a BERT encoder", e);
    }
  }

  private long[] matrixShape(String name) throws IOException {
    if (!file.contains(name) || file.shape(name).length != 2) {
      throw new IOException(
          file.path() + ": has no matrix '" + name + "'; this is not a BERT encoder");
    }
    return file.shape(name);
  }

  /**
   * Attention splits the query into heads by a reshape to {@code [batch, length, heads, headDim]},
   * of which at least {@code headDim} is a constant; the sizes are one value, or joined by a {@code
   * Concat}.
   */
  private int heads(long dModel) throws IOException {
    OnnxNode query = nodes.get(nodePrefix + "/encoder/layer.0/attention/self/query/Add");
    for (OnnxNode node : file.nodes()) {
      if (query != null
          && node.operator().equals("Reshape")
          && node.inputs().size() == 2
          && query.outputs().contains(node.inputs().getFirst())) {
        long[] sizes = sizes(node.inputs().get(1));
        long headDim = sizes.length == 0 ? 0 : sizes[sizes.length - 1];
        if (headDim > 0 && headDim <= dModel && dModel % headDim == 0) {
          return (int) (dModel / headDim);
        }
      }
    }
    throw new IOException(
        file.path()
            + ": the number of attention heads cannot be told from its graph; export the model with"
            + " PyTorch's ONNX exporter, or give its safetensors");
  }

  /** The constant parts of a shape, which is a constant itself or a {@code Concat} of some. */
  private long[] sizes(String shape) {
    List<String> parts = List.of(shape);
    for (OnnxNode node : file.nodes()) {
      if (node.operator().equals("Concat") && node.outputs().contains(shape)) {
        parts = node.inputs();
      }
    }
    return parts.stream().flatMapToLong(this::constant).toArray();
  }

  private LongStream constant(String name) {
    if (!file.contains(name) || file.dtype(name) != DType.I64 || file.shape(name).length > 1) {
      return LongStream.empty();
    }
    MemorySegment data = file.data(name);
    return LongStream.range(0, data.byteSize() / Long.BYTES)
        .map(i -> data.getAtIndex(ValueLayout.JAVA_LONG, i));
  }

  /**
   * What layer normalisation adds to the variance: an attribute of the operator, or where it is
   * spelled out, the constant in its {@code Add}.
   */
  private double epsilon() throws IOException {
    OnnxNode norm = nodes.get(nodePrefix + "/embeddings/LayerNorm/LayerNormalization");
    if (norm != null) {
      return norm.numbers().getOrDefault("epsilon", 1e-5f).doubleValue();
    }
    OnnxNode add = nodes.get(nodePrefix + "/embeddings/LayerNorm/Add");
    for (String input : add == null ? List.<String>of() : add.inputs()) {
      if (file.contains(input)
          && file.dtype(input) == DType.F32
          && file.info(input).elements() == 1) {
        return file.data(input).get(ValueLayout.JAVA_FLOAT, 0);
      }
    }
    throw new IOException(
        file.path()
            + ": the epsilon of its layer normalisation cannot be told from its graph; export the"
            + " model with PyTorch's ONNX exporter, or give its safetensors");
  }

  private Activation activation() throws IOException {
    String mlp = nodePrefix + "/encoder/layer.0/intermediate/";
    List<String> operators =
        file.nodes().stream()
            .filter(node -> node.name().startsWith(mlp))
            .map(OnnxNode::operator)
            .toList();
    if (operators.contains("Erf")) {
      return Activation.GELU;
    } else if (operators.contains("Tanh")) {
      return Activation.GELU_TANH;
    } else if (operators.contains("Relu")) {
      return Activation.RELU;
    }
    throw new IOException(
        file.path()
            + ": the MLP's activation function is none of gelu and relu; its operators are "
            + Arrays.toString(operators.stream().distinct().toArray()));
  }
}
