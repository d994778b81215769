package io.sluice.model.bert;

import io.sluice.model.parts.WeightLoader;
import io.sluice.torch.Tensor;
import io.sluice.weights.OnnxFile;
import java.io.IOException;

/**
 * A BERT encoder that PyTorch exported to ONNX. Embeddings, biases and normalisations keep their
 * PyTorch names; the projections are folded into anonymous initialisers, {@code [in, out]}, which
 * {@link BertGraph} finds. The sizes are read off the graph.
 */
public final class BertOnnx implements BertWeights {
  private static final String PROBE = "embeddings.word_embeddings.weight";

  private final OnnxFile file;
  private final String prefix;
  private final BertGraph graph;
  private final BertConfig config;

  /**
   * Finds a BERT encoder in a graph.
   *
   * @throws IOException if there is none, or the graph computes something else
   */
  public BertOnnx(OnnxFile file) throws IOException {
    this.file = file;
    this.prefix = prefix(file);
    this.graph = new BertGraph(file, prefix);
    this.config = readConfig();
  }

  private static String prefix(OnnxFile file) throws IOException {
    for (String name : file.names()) {
      if (name.endsWith(PROBE)) {
        return name.substring(0, name.length() - PROBE.length());
      }
    }
    throw new IOException(
        file.path()
            + ": has nothing named '…"
            + PROBE
            + "'; give an ONNX export of a BERT encoder that is neither quantised nor fused");
  }

  @Override
  public BertConfig config() {
    return config;
  }

  @Override
  public Tensor parameter(WeightLoader loader, String name, long... shape) throws IOException {
    return loader.load(prefix + name, shape);
  }

  @Override
  public Tensor projection(WeightLoader loader, String module, long out, long in)
      throws IOException {
    BertMatrices.Matrix matrix = graph.matrices().of(module);
    return matrix.outFirst()
        ? loader.load(matrix.name(), out, in)
        : loader.loadTransposed(matrix.name(), out, in);
  }

  private BertConfig readConfig() throws IOException {
    long[] words = matrixShape(prefix + PROBE);
    long[] positions = matrixShape(prefix + "embeddings.position_embeddings.weight");
    long[] types = matrixShape(prefix + "embeddings.token_type_embeddings.weight");
    BertMatrices.Matrix matrix = graph.matrices().of("encoder.layer.0.intermediate.dense");
    long inner = matrixShape(matrix.name())[matrix.outFirst() ? 0 : 1];
    try {
      return new BertConfig(
          BertFamily.BERT.label(),
          graph.layers(),
          Math.toIntExact(words[1]),
          Math.toIntExact(words[1] / graph.headDim()),
          Math.toIntExact(inner),
          Math.toIntExact(words[0]),
          Math.toIntExact(positions[0]),
          Math.toIntExact(types[0]),
          graph.epsilon(),
          graph.activation(),
          BertConfig.FROM_ZERO);
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
}
