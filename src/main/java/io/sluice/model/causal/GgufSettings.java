package io.sluice.model.causal;

import io.sluice.files.Quoted;
import io.sluice.model.parts.MlpActivation;
import io.sluice.model.rotary.Rotary;
import io.sluice.weights.GgufFile;
import io.sluice.weights.GgufMetadata;
import java.io.IOException;
import java.lang.foreign.ValueLayout;
import java.util.List;

/**
 * The settings of a causal language model in a GGUF file's metadata. Keys and defaults are those of
 * llama.cpp; a setting that changes the computation in a way that is not implemented is refused.
 * Keys stand here without the architecture's name before them.
 */
public final class GgufSettings {
  private static final String ROPE_FACTORS = "rope_freqs.weight";

  private static final List<String> OTHER_FACTORS =
      List.of("rope_factors_long.weight", "rope_factors_short.weight");

  private final GgufFile file;
  private final GgufMetadata metadata;
  private final Architecture architecture;
  private final String prefix;
  private final int layers;
  private final int width;
  private final int heads;

  private GgufSettings(GgufFile file, Architecture architecture) throws IOException {
    this.file = file;
    this.metadata = file.metadata();
    this.architecture = architecture;
    this.prefix = architecture.gguf().label() + ".";
    this.layers = size("block_count");
    this.width = size("embedding_length");
    this.heads = size("attention.head_count");
    if (layers > file.names().size()) {
      throw damaged(layers + " layers in a file of " + file.names().size() + " tensors");
    }
  }

  /**
   * Reads the settings of a file.
   *
   * @param architecture the one that the file names, which has a {@link GgufForm}
   * @throws IOException if a setting is missing, out of range or not supported
   */
  public static CausalConfig read(GgufFile file, Architecture architecture) throws IOException {
    if (file.metadata().integer("split.count", 1) > 1) {
      throw new IOException(
          file.path()
              + ": is one part of several; join them with llama.cpp's gguf-split --merge first");
    }
    GgufForm form = architecture.gguf();
    GgufKeys.check(file, form);
    GgufSettings settings = new GgufSettings(file, architecture);
    try {
      return form.config(settings);
    } catch (IllegalArgumentException e) {
      throw settings.damaged(e.getMessage());
    }
  }

  /** Number of layers. */
  public int layers() {
    return layers;
  }

  /** Width of the residual stream. */
  public int width() {
    return width;
  }

  /** Query heads per layer. */
  public int heads() {
    return heads;
  }

  /**
   * A configuration; the settings that all architectures name alike are read from the file.
   *
   * @param epsilon the key of the normalisation's epsilon
   */
  public CausalConfig config(
      String epsilon,
      MlpActivation activation,
      boolean parallelResidual,
      double logitCap,
      AttentionConfig attention)
      throws IOException {
    return new CausalConfig(
        architecture,
        layers,
        width,
        size("feed_forward_length"),
        vocabulary(),
        size("context_length"),
        metadata.real(prefix + epsilon),
        activation,
        has("blk.0.ffn_up.bias"),
        parallelResidual,
        !has("output.weight"),
        logitCap,
        attention);
  }

  /**
   * The attention; the settings that all architectures name alike are read from the file.
   *
   * @param rotary null where positions are learned
   * @param windows as {@link AttentionConfig} has them
   * @param scaledBy the scores are divided by the root of this
   */
  public AttentionConfig attention(
      Rotary rotary, List<Integer> windows, int scaledBy, double cap, boolean bias)
      throws IOException {
    return new AttentionConfig(
        heads,
        size("attention.head_count_kv", heads),
        headDim(),
        rotary,
        windows,
        1 / Math.sqrt(scaledBy),
        cap,
        bias);
  }

  /** Width of a head. */
  public int headDim() throws IOException {
    int headDim = size("attention.key_length", width / heads);
    if (size("attention.value_length", headDim) != headDim) {
      throw unsupported("heads whose values and keys differ in width");
    }
    return headDim;
  }

  /** How queries and keys are rotated, all dimensions of a head. */
  public Rotary rotary() throws IOException {
    return rotary(headDim());
  }

  /** How queries and keys are rotated, the first dimensions of a head or all of them. */
  public Rotary partialRotary() throws IOException {
    return rotary(1);
  }

  /** The same in layers with a window, where they have a base of their own and no scaling. */
  public Rotary windowedRotary() throws IOException {
    return Rotary.of(real("rope.freq_base_swa", 10000), headDim());
  }

  private Rotary rotary(int leastDims) throws IOException {
    int headDim = headDim();
    if (headDim % 2 != 0) {
      throw damaged("heads of width " + headDim + " cannot be rotated");
    }
    int dims = size("rope.dimension_count", headDim);
    if (dims > headDim || dims < leastDims) {
      throw damaged("rotary embedding of " + dims + " dimensions in heads of " + headDim);
    }
    Rotary rotary = Rotary.of(real("rope.freq_base", 10000), dims);
    for (String factors : OTHER_FACTORS) {
      if (has(factors)) {
        throw unsupported("rotary positions that depend on the length of a context");
      }
    }
    if (has(ROPE_FACTORS)) {
      rotary = rotary.dividedBy(factors());
    }
    // As in llama.cpp, a factor without a type is one of linear scaling.
    String scaling = metadata.text(prefix + "rope.scaling.type", "linear");
    double factor = real("rope.scaling.factor", real("rope.scale_linear", 0));
    return switch (scaling) {
      case "none" -> rotary;
      case "linear" -> factor == 0 ? rotary : rotary.linear(factor);
      default -> throw unsupported("rope scaling " + Quoted.of(scaling));
    };
  }

  /** Llama 3's scaling, which llama.cpp keeps as a tensor. */
  private float[] factors() throws IOException {
    if (!file.contains(ROPE_FACTORS)) {
      throw damaged(ROPE_FACTORS + " is " + file.unreadable(ROPE_FACTORS) + ", not F32");
    }
    switch (file.dtype(ROPE_FACTORS)) {
      case F32 -> {
        return file.data(ROPE_FACTORS).toArray(ValueLayout.JAVA_FLOAT);
      }
      default -> throw damaged(ROPE_FACTORS + " is " + file.type(ROPE_FACTORS) + ", not F32");
    }
  }

  private int vocabulary() throws IOException {
    String name = "token_embd.weight";
    if (!file.contains(name) || file.shape(name).length != 2) {
      throw damaged("it has no token embedding '" + name + "'");
    }
    long rows = file.shape(name)[0];
    if (rows < 1 || rows > Integer.MAX_VALUE) {
      throw damaged("its token embedding has " + rows + " rows");
    }
    long stated = metadata.integer(prefix + "vocab_size", rows);
    if (stated != rows) {
      throw damaged(
          prefix + "vocab_size is " + stated + ", and the embedding has " + rows + " rows");
    }
    return (int) rows;
  }

  /** A size, or a list with the same size for each layer. */
  public int size(String key) throws IOException {
    long size;
    if (metadata.contains(prefix + key) && metadata.value(prefix + key) instanceof List<?> each) {
      if (each.isEmpty() || !each.stream().allMatch(each.getFirst()::equals)) {
        throw unsupported("layers that differ in " + prefix + key);
      }
      size = metadata.integers(prefix + key)[0];
    } else {
      size = metadata.integer(prefix + key);
    }
    if (size < 1 || size > Integer.MAX_VALUE) {
      throw damaged(prefix + key + " is " + size);
    }
    return (int) size;
  }

  /** Like {@link #size(String)}; 0 of a key that is missing or says 0. */
  public int sizeOrNone(String key) throws IOException {
    boolean none =
        !metadata.contains(prefix + key)
            || metadata.value(prefix + key) instanceof Number number && number.longValue() == 0;
    return none ? 0 : size(key);
  }

  /** Like {@link #size(String)}, of a key that may be missing. */
  public int size(String key, int otherwise) throws IOException {
    return metadata.contains(prefix + key) ? size(key) : otherwise;
  }

  /** A number. */
  public double real(String key, double otherwise) throws IOException {
    return metadata.real(prefix + key, otherwise);
  }

  /** A truth value. */
  public boolean flag(String key, boolean otherwise) throws IOException {
    return metadata.flag(prefix + key, otherwise);
  }

  /** Whether the file has a tensor of this name. */
  public boolean has(String tensor) {
    return file.has(tensor);
  }

  private IOException damaged(String wrong) {
    return new IOException(
        file.path() + ": " + wrong + "; the file is damaged or incomplete, fetch it again");
  }

  private IOException unsupported(String what) {
    return new IOException(
        file.path() + ": the model has " + what + ", which is not supported; give another model");
  }
}
